/** Calls to a driver over its Unix socket: gRPC with time limits, and errors without secrets. */
import type { Client, ServiceError } from "@grpc/grpc-js";
import type { UnknownObject } from "../../../kube/json-object.ts";
import type { Secrets } from "../secrets.ts";
import { type DriverCode, VolumeDriverError } from "../volume-driver-error.ts";
import { type CsiCodec, loadCsiCodec } from "./csi-codec.ts";

/** A driver that takes longer is asked again: every call is idempotent. As sidecars are set up in practice. */
export const CALL_TIMEOUT_MS = 60_000;
/** An answer of a driver is a few kilobytes; a driver that sends more does not fill our memory. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Longest text of a driver's error that is passed on: it ends up in Events. */
const MAX_ERROR_CHARACTERS = 800;
/** A driver that restarts is found again within a second or two. */
const MAX_RECONNECT_MS = 2_000;

/** gRPC's codes by number. */
const CODES: readonly (DriverCode | "OK")[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

export interface CsiCall {
  /** `/csi.v1.Controller/CreateVolume`. */
  readonly path: string;
  /** Names in `CSI_MESSAGES`. */
  readonly request: string;
  readonly response: string;
  readonly value?: UnknownObject;
  readonly secrets?: Secrets | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class CsiConnection {
  readonly #client: Client;
  readonly #codec: CsiCodec;

  private constructor(client: Client, codec: CsiCodec) {
    this.#client = client;
    this.#codec = codec;
  }

  static async open(socketPath: string): Promise<CsiConnection> {
    const [{ Client, credentials }, codec] = await Promise.all([
      import("@grpc/grpc-js"),
      loadCsiCodec(),
    ]);
    const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": MAX_ANSWER_BYTES,
      "grpc.max_reconnect_backoff_ms": MAX_RECONNECT_MS,
      // Names for a Unix socket come to nobody's mind; some servers insist on one.
      "grpc.default_authority": "localhost",
    });
    return new CsiConnection(client, codec);
  }

  /** @throws VolumeDriverError */
  async call(options: CsiCall): Promise<UnknownObject> {
    const { path, request, response, secrets, signal, timeoutMs = CALL_TIMEOUT_MS } = options;
    if (signal?.aborted === true) throw new VolumeDriverError("Canceled", `${path} was cancelled`);
    const revealed = secrets === undefined ? {} : { secrets: Object.fromEntries(secrets.reveal()) };
    const value = { ...options.value, ...revealed };
    return await new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<UnknownObject, UnknownObject>(
        path,
        (sent) => this.#codec.encode(request, sent),
        (bytes) => this.#codec.decode(response, bytes),
        value,
        { deadline: Date.now() + timeoutMs },
        (error, answer) => {
          signal?.removeEventListener("abort", cancel);
          if (error !== null) reject(driverError(error, path, secrets));
          else resolve(answer ?? {});
        },
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    this.#client.close();
  }
}

function driverError(
  error: ServiceError,
  path: string,
  secrets: Secrets | undefined,
): VolumeDriverError {
  const code = CODES[error.code];
  const said = error.details === "" ? `${path} failed` : error.details;
  const text = secrets === undefined ? said : secrets.redact(said);
  // No `cause`: it would carry the text, and with it what was just taken out.
  return new VolumeDriverError(
    code === undefined || code === "OK" ? "Unknown" : code,
    text.slice(0, MAX_ERROR_CHARACTERS),
  );
}
