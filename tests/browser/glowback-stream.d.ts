// The stream module as the pages use it; its own tests check what it does.
export class StreamError extends Error {}
export function streamRun(base: string, runId: string, options?: object): AsyncGenerator<any>;
export function streamOptimization(base: string, optimizationId: string, options?: object): AsyncGenerator<any>;
export type Change = { event_id: number, type: "run" | "run_deleted" | "optimization" | "optimization_deleted" | "reset", timestamp: string, payload: any };
export function streamChanges(base: string, options?: { types?: string, apiKey?: string, transport?: "websocket" | "sse", signal?: AbortSignal, onConnection?: (state: "open" | "cut") => void }): AsyncGenerator<Change>;
