// @toni/client: what of it is for users.
export { type Backoff, is_final } from "./backoff.js";
export {
  Connection,
  type ConnectionOptions,
  type SendOptions,
  type Socket,
  type SocketClass,
  type State,
  type Token,
} from "./connection.js";
export { type Off } from "./emitter.js";
export { CallError, ConnectionError, QueueFullError, TimeoutError, ToniError, UnknownOutcomeError } from "./errors.js";
export { type CallOptions, Events, type EventsOptions, type Handler, type Origin, type StreamOptions } from "./events.js";
export { type Gap, KeptRooms, type KeptRoomsOptions, type Recovery } from "./kept_rooms.js";
export { type Data, type QueueLimits } from "./queue.js";
export { event_rooms, type RoomChange, Rooms, type RoomState, type RoomWords } from "./rooms.js";
export { type RoomMessage, TextRooms } from "./text_rooms.js";
