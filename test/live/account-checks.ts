import type {Running} from './checking.ts'
export async function checkAccounts(_running: Running): Promise<void> {}
