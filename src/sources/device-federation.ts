import type {DeviceRoute} from './device-evidence.ts'
import type {PlannedRequest} from './evidence.ts'
import type {FederationRouteOptions} from './federation-api.ts'

export function openFederationDeviceRoute(_options: FederationRouteOptions): DeviceRoute {
  throw new Error('not yet')
}
export function federationDevicePlan(_server: string, _users: number): readonly PlannedRequest[] {
  return []
}
