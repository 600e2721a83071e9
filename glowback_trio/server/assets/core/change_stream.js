// The stream of changes, by the module that streams everything.
export { StreamError, streamChanges } from "../glowback-stream.js";
