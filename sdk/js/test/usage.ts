// What TypeScript makes of the package: compiled, never run. A line below @ts-expect-error has to be wrong.
import {
  CallError,
  Connection,
  event_rooms,
  Events,
  Rooms,
  type RoomWords,
  type SocketClass,
  type State,
  TextRooms,
  ToniError,
} from "@toni/client";
import { Connection as Minified } from "@toni/client/min";

interface Lobby {
  name: string;
  players: string[];
}

declare const ws: SocketClass;
const connection = new Connection("wss://chat.example.org/lobby", {
  WebSocket: ws,
  token: async () => ({ token: "t", expires_in: 3600 }),
  backoff: { first_ms: 1000 },
  queue: { messages: 10 },
  heartbeat: false,
  signal: new AbortController().signal,
});
new Minified("ws://x/");

export function show(state: State): string {
  switch (state.name) {
    case "waiting":
      return `${state.retry_ms} ${state.why.message}`;
    case "closed":
      return `${state.why.close_code} ${state.why.reason}`;
    default:
      // @ts-expect-error: there is no `why` while it is well
      return state.why;
  }
}

export async function use(): Promise<void> {
  connection.on("state", show);
  connection.on("message", (data) => (typeof data === "string" ? data.length : data.byteLength));
  await connection.send(new Uint8Array(1));
  // @ts-expect-error: no message
  await connection.send(7);

  const events = new Events<{ "lobby.changed": Lobby }>(connection);
  const off = events.on("lobby.changed", (lobby) => lobby.players.length);
  off();
  // @ts-expect-error: no event of this gateway
  events.on("lobby.chnged", () => {});
  const lobby = await events.call<Lobby>("lobby.create", { name: "go" }, { timeout_ms: 100, idempotent: true });
  lobby.name.length;
  for await (const part of events.stream<number>("count", { to: 3 }, { most_parts: 5 })) {
    part.toFixed();
  }
  events.handle("question", async (data) => data);

  const words: RoomWords = event_rooms(events, { join: "lobby.join", leave: "lobby.leave" });
  const rooms = new Rooms(words);
  rooms.on("change", ({ room, state }) => `${room} ${state}`);
  await rooms.join("go").catch((error: unknown) => error instanceof CallError && error.details[0]?.path);
  new Rooms(new TextRooms(connection));
  const error: Error = new ToniError("code", "a sentence");
  error.message.length;
  // @ts-expect-error: for the package itself
  connection.enqueue("x");
}
