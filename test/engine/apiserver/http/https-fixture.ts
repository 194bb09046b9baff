/** The API server on a TLS port, over an empty store with one namespace, and bare clients for it. */
import { mkdtemp, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect } from "node:http2";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { silentLogger } from "../../../../src/client/logger.ts";
import { staticTokens } from "../../../../src/engine/apiserver/http/authenticate.ts";
import { startHttpsServer } from "../../../../src/engine/apiserver/http/https-server.ts";
import { ensureCertificates } from "../../../../src/engine/apiserver/pki/certificates.ts";
import { admin, startServer, type TestServer } from "../test-server.ts";

export const TOKEN = "the-administrators-token";
export const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

export interface Asked {
  readonly method?: string;
  /** @default the administrator's token; undefined sends none */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Anything but text and bytes is sent as JSON. */
  readonly body?: unknown;
}
export interface Answered {
  readonly code: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}
/** A response as it comes: text so far, and a promise of the next match. */
export interface Streamed extends Answered {
  until(pattern: RegExp): Promise<string>;
  readonly ended: Promise<void>;
  close(): void;
}

export interface HttpsFixture extends TestServer {
  readonly url: string;
  readonly ca: string;
  readonly agent: Agent;
  /** What the server logged as its own fault. */
  readonly faults: unknown[];
  ask(path: string, asked?: Asked): Promise<Answered>;
  askJson<T = Record<string, unknown>>(path: string, asked?: Asked): Promise<T>;
  stream(path: string, asked?: Asked): Promise<Streamed>;
  http2(): ClientHttp2Session;
  close(): Promise<void>;
}

export function useHttpsServer(): HttpsFixture {
  let fixture: HttpsFixture;
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "gantry-https-"));
    fixture = await start(directory);
  });
  afterAll(async () => {
    await fixture.close();
    await rm(directory, { recursive: true });
  });
  return new Proxy({} as HttpsFixture, {
    get: (_target, name) => Reflect.get(fixture, name) as unknown,
  });
}

async function start(directory: string): Promise<HttpsFixture> {
  const api = await startServer();
  const names = ["127.0.0.1", "localhost"];
  const certificates = await ensureCertificates({ directory, names, nowMs: Date.now() });
  const faults: unknown[] = [];
  const server = await startHttpsServer({
    api: api.server,
    authenticator: staticTokens(new Map([[TOKEN, admin]])),
    certificate: certificates.server,
    host: "127.0.0.1",
    port: 0,
    logger: { ...silentLogger, error: (fields) => void faults.push(fields) },
    gantryVersion: "0.0.0-test",
    notReady: () => [],
  });
  const { ca } = certificates;
  const url = `https://127.0.0.1:${server.port}`;
  const agent = new Agent({ ca, keepAlive: true });
  const open = (path: string, asked: Asked = {}): Promise<Streamed> =>
    send(url, agent, path, asked);
  const ask = async (path: string, asked?: Asked): Promise<Answered> => {
    const response = await open(path, asked);
    await response.ended;
    return response;
  };
  return {
    ...api,
    url,
    ca,
    agent,
    faults,
    ask,
    askJson: async <T>(path: string, asked?: Asked) =>
      JSON.parse((await ask(path, asked)).text) as T,
    stream: open,
    http2: () => connect(url, { ca }),
    async close() {
      agent.destroy();
      await server.close();
      await api.server.close();
    },
  };
}

function send(url: string, agent: Agent, path: string, asked: Asked): Promise<Streamed> {
  const { method = "GET", headers = {}, body } = asked;
  const token = "token" in asked ? asked.token : TOKEN;
  const bytes =
    body === undefined || typeof body === "string" || Buffer.isBuffer(body)
      ? body
      : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const request = httpsRequest({
      hostname,
      port,
      path,
      method,
      agent,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(bytes === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(bytes) }),
        ...headers,
      },
    });
    request.once("error", reject);
    request.once("response", (response) => {
      let text = "";
      let onData = (): void => undefined;
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        onData();
      });
      response.on("error", () => undefined);
      const ended = new Promise<void>((end) => response.once("close", () => end()));
      resolve({
        code: response.statusCode ?? 0,
        headers: response.headers,
        get text() {
          return text;
        },
        ended,
        until: (pattern) =>
          new Promise((found, failed) => {
            onData = () => {
              if (pattern.test(text)) found(text);
            };
            void ended.then(() =>
              failed(new Error(`the stream ended without ${String(pattern)}: ${text}`)),
            );
            onData();
          }),
        close: () => void request.destroy(),
      });
    });
    request.end(bytes);
  });
}

/** The JSON documents of a watch stream. */
export const events = (text: string): { type: string; object: Record<string, unknown> }[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { type: string; object: Record<string, unknown> });
