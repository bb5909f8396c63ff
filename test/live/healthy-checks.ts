import type {Checking} from './checking.ts'
export async function checkHealthy(_checking: Checking): Promise<void> {}
