import type {Running} from './checking.ts'
export async function checkCrowd(_running: Running): Promise<void> {}
