// The language of the shipped rooms gateway, which is text: `join:ROOM`, `leave:ROOM`, `msg:ROOM:TEXT`. Its answers
// have no ids. So it can't be told for sure whether a refusal is of the oldest question or of a message.
import type { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { CallError, TimeoutError, ToniError, UnknownOutcomeError } from "./errors.js";
import { size_of } from "./queue.js";
import type { RoomWords } from "./rooms.js";

export interface RoomMessage {
  room: string;
  /** The sender's name: a client's is 16 hexadecimal digits. */
  from: string;
  text: string;
}

interface Question {
  said: string; // what the gateway says if it is done
  resolve: () => void;
  reject: (error: unknown) => void;
  timer: ReturnType<typeof setTimeout>;
}

const GREETING = "Connected. Send 'join:<room>' to join a room.";
const PING_ROOM = "toni.client.ping"; // leaving a room that one is not in is answered as any
const ARRIVAL = /^([0-9a-f]{16}) joined$/;

export class TextRooms
  extends Emitter<{ message: RoomMessage; arrival: { name: string }; notice: string }>
  implements RoomWords
{
  readonly connection: Connection;

  readonly #timeout_ms: number;
  readonly #rooms = new Set<string>(); // asked for, and not left
  #questions: Question[] = [];

  constructor(connection: Connection, { timeout_ms = 10000 }: { timeout_ms?: number } = {}) {
    super();
    this.connection = connection;
    this.#timeout_ms = timeout_ms;
    connection.ping = () => `leave:${PING_ROOM}`;
    connection.on("message", (data) => typeof data === "string" && this.#read(data));
    connection.on("state", (state) => {
      if (state.name !== "open" && state.name !== "connecting") {
        this.#rooms.clear();
        for (const question of this.#questions.slice()) {
          this.#take(question)?.reject(new UnknownOutcomeError(question.said));
        }
      }
    });
  }

  async join(room: string): Promise<void> {
    this.#check(room);
    this.#rooms.add(room); // others' messages may come before the answer
    try {
      await this.#ask(`join:${room}`, `Joined room: ${room}`);
    } catch (error) {
      this.#rooms.delete(room);
      throw error;
    }
  }

  async leave(room: string): Promise<void> {
    this.#check(room);
    await this.#ask(`leave:${room}`, `Left room: ${room}`);
    this.#rooms.delete(room);
  }

  /** Says something to a room. The promise is that of `Connection.send`: members hear it, nobody else is told. */
  async say(room: string, text: string): Promise<void> {
    this.#check(room);
    await this.connection.send(`msg:${room}:${text}`);
  }

  // What the gateway would refuse, or not find again.
  #check(room: string): void {
    if (!room || size_of(room) > 255 || /[:\u0000-\u001f\u007f-\u009f]/.test(room)) {
      throw new ToniError("invalid", "a room's name has 1 to 255 bytes, no colon and no control characters");
    }
  }

  #ask(text: string, said: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const item = this.connection.enqueue(text, true);
      const late = (): void => this.#take(question)?.reject(new TimeoutError(`\`${text}\``, this.#timeout_ms, item.is_sent));
      const question: Question = { said, resolve, reject, timer: setTimeout(late, this.#timeout_ms) };
      this.#questions.push(question);
      item.sent.catch((error) => this.#take(question)?.reject(error));
    });
  }

  #take(question: Question | undefined): Question | undefined {
    if (!question || !this.#questions.includes(question)) {
      return undefined;
    }
    clearTimeout(question.timer);
    this.#questions = this.#questions.filter((other) => other !== question);
    return question;
  }

  #read(text: string): void {
    const answered = this.#take(this.#questions.find(({ said }) => said === text));
    const arrival = ARRIVAL.exec(text);
    const message = this.#message(text);
    if (answered) {
      answered.resolve();
    } else if (arrival) {
      this.emit("arrival", { name: arrival[1]! });
    } else if (message) {
      this.emit("message", message);
    } else if (text !== GREETING && text !== `Left room: ${PING_ROOM}`) {
      this.#take(this.#questions[0])?.reject(new CallError("refused", text));
      this.emit("notice", text);
    }
  }

  // `[ROOM] NAME: TEXT`, where ROOM may hold "] " too: but it is one of those that were joined.
  #message(text: string): RoomMessage | undefined {
    const room = [...this.#rooms]
      .filter((name) => text.startsWith(`[${name}] `))
      .sort((a, b) => b.length - a.length)[0];
    const found = room === undefined ? null : /^(.*?): (.*)$/s.exec(text.slice(room.length + 3));
    return found ? { room: room!, from: found[1]!, text: found[2]! } : undefined;
  }
}
