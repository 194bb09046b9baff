/** An upstream DNS server that answers as the test says, over UDP and TCP on one port. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { type AddressInfo, createServer, type Server } from "node:net";
import { type Answer, decode, encode, type Packet } from "dns-packet";

export interface Asked {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
  readonly sourcePort: number;
  readonly bytes: Buffer;
}
/** Undefined: no answer. A Buffer is sent as it is. */
export type Respond = (asked: Asked, number: number) => Packet | Buffer | undefined;

export class FakeUpstream {
  readonly asked: Asked[] = [];
  readonly host = "127.0.0.1";
  readonly port: number;
  respond: Respond;
  readonly #udp: Socket;
  readonly #tcp: Server;

  private constructor(udp: Socket, tcp: Server, respond: Respond) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.port = udp.address().port;
    this.respond = respond;
  }

  static async start(respond: Respond, host = "127.0.0.1", port = 0): Promise<FakeUpstream> {
    let self: FakeUpstream | undefined;
    const tcp = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        const answer = self?.take(chunk.subarray(2), "tcp", socket.remotePort ?? 0);
        if (answer === undefined) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      });
    });
    // First the kind of port that is scarce.
    await new Promise<void>((resolve) => tcp.listen(port, host, resolve));
    const udp = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind((tcp.address() as AddressInfo).port, host, resolve);
    });
    self = new FakeUpstream(udp, tcp, respond);
    udp.on("message", (packet, from) => self.send(self.take(packet, "udp", from.port), from));
    return self;
  }

  names(): string[] {
    return this.asked.map(({ name, type, transport }) => `${transport} ${type} ${name}`);
  }

  send(answer: Buffer | undefined, { port, address }: Pick<RemoteInfo, "port" | "address">): void {
    if (answer !== undefined) this.#udp.send(answer, port, address);
  }

  take(bytes: Buffer, transport: "udp" | "tcp", sourcePort: number): Buffer | undefined {
    const { id = 0, questions = [] } = decode(bytes);
    const { name = "", type = "A" } = questions[0] ?? {};
    const asked = { id, name, type, transport, sourcePort, bytes };
    this.asked.push(asked);
    const answer = this.respond(asked, this.asked.length);
    if (answer === undefined || Buffer.isBuffer(answer)) return answer;
    return encode({ type: "response", id, questions, flags: 0x180, ...answer });
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }
}

export const a = (name: string, data: string, ttl = 60): Answer => ({ name, type: "A", data, ttl });
