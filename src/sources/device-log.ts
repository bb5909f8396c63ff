import type {DeviceRoute} from './device-evidence.ts'
import type {PlannedRequest} from './evidence.ts'

export function openLogDeviceRoute(_path: string): DeviceRoute {
  throw new Error('not yet')
}
export function logPlan(_path: string): readonly PlannedRequest[] {
  return []
}
