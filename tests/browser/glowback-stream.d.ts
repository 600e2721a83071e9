// The stream module as the pages use it; its own tests check what it does.
export class StreamError extends Error {}
export function streamRun(base: string, runId: string, options?: object): AsyncGenerator<any>;
export function streamOptimization(base: string, optimizationId: string, options?: object): AsyncGenerator<any>;
