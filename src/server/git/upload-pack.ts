/** The server's side of `git fetch` and `git clone`: `git upload-pack`, fed and drained with care. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { FLUSH, pktLine } from "./pkt-line.ts";
import { spawnGit } from "./git-program.ts";
import { requestBody, RequestBodyError } from "./request-body.ts";

/** What a client has and wants, as ids: a hundred thousand of them. */
const REQUEST_LIMITS = { maxBytes: 8 * 1024 * 1024, idleMs: 30_000, totalMs: 120_000 };
/** A clone of the largest repository that may be pushed, over a slow line. */
const TIMEOUT_MS = 15 * 60_000;
/** `version=2`, and nothing else that could be in a header. */
const PROTOCOL = /^version=[012]$/;

export interface UploadRequest {
  readonly gitDir: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

/** `GET …/info/refs?service=git-upload-pack` */
export async function advertiseRefs({ response, ...upload }: UploadRequest): Promise<void> {
  answer(response, "application/x-git-upload-pack-advertisement");
  const isVersion2 = protocolOf(upload.request) === "version=2";
  if (!isVersion2) response.write(Buffer.concat([pktLine("# service=git-upload-pack\n"), FLUSH]));
  await run({ response, ...upload }, ["--advertise-refs"], emptyBody());
}

/** `POST …/git-upload-pack` */
export async function uploadPack(upload: UploadRequest): Promise<void> {
  const body = requestBody(upload.request, REQUEST_LIMITS, upload.signal);
  answer(upload.response, "application/x-git-upload-pack-result");
  await run(upload, [], body);
}

function answer(response: ServerResponse, type: string): void {
  response.writeHead(200, { "content-type": type, "cache-control": "no-cache" });
}

async function run(
  { gitDir, request, response, signal }: UploadRequest,
  args: readonly string[],
  body: AsyncIterable<Buffer>,
): Promise<void> {
  const protocol = protocolOf(request);
  const all = ["upload-pack", "--stateless-rpc", "--strict", "--timeout=60", ...args, gitDir];
  const child = spawnGit(gitDir, all, protocol === undefined ? {} : { GIT_PROTOCOL: protocol });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const kill = (): void => void child.kill("SIGKILL");
  limit.addEventListener("abort", kill, { once: true });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.on("error", kill);
  child.stderr.resume();
  try {
    const feeding = pipeline(body, child.stdin).catch((error: unknown) => {
      // Git ends when it has heard enough; what the client does wrong ends git.
      if (error instanceof RequestBodyError) kill();
    });
    await pipeline(child.stdout, response);
    await feeding;
  } catch (error) {
    if (!response.destroyed && !limit.aborted) throw error;
    response.destroy();
  } finally {
    limit.removeEventListener("abort", kill);
    kill();
    await ended;
  }
}

function protocolOf(request: IncomingMessage): string | undefined {
  const header = request.headers["git-protocol"];
  return typeof header === "string" && PROTOCOL.test(header) ? header : undefined;
}

async function* emptyBody(): AsyncGenerator<Buffer> {}
