import { connect, constants } from "node:http2";

/** Requests one after the other on a single HTTP/2 connection: none may fail, nor the connection. */
export class Http2Load {
  readonly versions = new Set<string>();
  readonly failures: string[] = [];
  #sent = 0;
  #running = true;
  readonly #done: Promise<void>;

  constructor(url: string) {
    const session = connect(url, { rejectUnauthorized: false });
    session.on("error", (error) => this.failures.push(String(error)));
    session.on("goaway", (code) => this.failures.push(`GOAWAY ${code}`));
    const ask = (): Promise<void> =>
      new Promise((resolve) => {
        const stream = session.request({ ":method": "POST", ":path": "/brief" });
        let text = "";
        stream.once("response", ({ ":status": status }) => {
          if (status !== 200) this.failures.push(`status ${status}`);
        });
        stream.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        stream.on("error", (error) => this.failures.push(String(error)));
        stream.once("close", () => {
          if (stream.rstCode !== constants.NGHTTP2_NO_ERROR)
            this.failures.push(`reset ${stream.rstCode}`);
          this.versions.add(text);
          this.#sent++;
          resolve();
        });
        stream.end("body");
      });
    const client = async (): Promise<void> => {
      while (this.#running && this.failures.length === 0) await ask();
    };
    this.#done = Promise.all([client(), client(), client()]).then(() => session.close());
  }
  get sent(): number {
    return this.#sent;
  }
  stop(): Promise<void> {
    this.#running = false;
    return this.#done;
  }
}
