import type {DatabaseRouteOptions} from './database-synapse.ts'
import type {DeviceRoute} from './device-evidence.ts'
import type {PlannedRequest} from './evidence.ts'

export async function openDatabaseDeviceRoute(_options: DatabaseRouteOptions): Promise<DeviceRoute> {
  return Promise.reject(new Error('not yet'))
}
export function databaseDevicePlan(_users: number): readonly PlannedRequest[] {
  return []
}
