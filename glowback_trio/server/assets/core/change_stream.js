// The changes of runs and optimizations: a stand-in until the server streams them.
export class StreamError extends Error {}

/**
 * @param {string} _base
 * @param {{ apiKey?: string, onConnection?: (state: "open" | "cut") => void, signal?: AbortSignal }} options
 * @returns {AsyncGenerator<{ type: string, event_id: number, timestamp?: string, payload: any }>}
 */
export async function* streamChanges(_base, { onConnection }) {
  onConnection?.("open");
  yield { type: "reset", event_id: 0, payload: { epoch: "once" } };
  await new Promise(() => {});
}
