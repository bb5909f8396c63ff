/** Stands at the beginning of every graph that is written, so that it can be told from other people's files. */
export const MARK = 'matrix-state graph'
