/**
 * Git over SSH: each request is a `git-upload-pack` of its own on a connection that is kept for
 * bursts. The server's key must be known beforehand; addresses, proxies, time and size are bounded
 * as over HTTP.
 */
import type { Client, ClientChannel, ConnectConfig } from "ssh2";
import { addressGuard } from "../address-guard.ts";
import type { SshAddress } from "../repo-url.ts";
import type { ConnectionOptions, Credential } from "../source.ts";
import { abortedError, SourceError } from "../source-error.ts";
import { connectToServer } from "../wire/connect.ts";
import { answerTooLarge } from "../wire/git-http.ts";
import type { GitRequestOptions, GitTransport, TransportLimits } from "../wire/git-transport.ts";
import { timeoutError } from "../wire/http-problems.ts";
import { FLUSH } from "../wire/pkt-line.ts";
import { proxyFor } from "../wire/proxy.ts";
import { skipAdvertisement } from "./advertisement.ts";
import { FORGE_HOST_KEYS } from "./forge-host-keys.ts";
import { KnownHosts } from "./known-hosts.ts";
import { badKey, commandError, hostKeyError, sshError } from "./ssh-problems.ts";

/** A handshake costs a tenth of a second: the fetch after a look at the refs uses the same. */
const KEEP_ALIVE_MS = 10_000;
/** What of the server's complaints is kept for an error. */
const MAX_STDERR_BYTES = 4_000;
/** Until the exit of the command is reported, after its output ended. */
const EXIT_DEADLINE_MS = 2_000;

/** Safe ones, best first; RSA keys sign with SHA-2 only. */
const HOST_KEY_ALGORITHMS = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
} as const;

export interface GitSshOptions {
  /** Shown in errors. */
  readonly url: string;
  readonly ssh: SshAddress;
  readonly connection?: ConnectionOptions;
  readonly limits: TransportLimits;
  readonly credential: (signal: AbortSignal) => Promise<Credential | undefined>;
}

interface Connection {
  readonly client: Client;
  /** Aborted with the reason when the connection breaks. */
  readonly broken: AbortController;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

export class GitSsh implements GitTransport {
  readonly #options: GitSshOptions;
  readonly #where: string;
  readonly #knownHosts: KnownHosts;
  #connecting: Promise<Connection> | undefined;

  constructor(options: GitSshOptions) {
    this.#options = options;
    this.#where = options.url;
    const { host, port } = options.ssh;
    const own = new KnownHosts(options.connection?.knownHosts ?? "");
    this.#knownHosts = own.has(host, port) ? own : new KnownHosts(FORGE_HOST_KEYS);
  }

  async advertisement(signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.#run(FLUSH, 2, this.#options.limits.maxRefsBytes, signal);
  }

  async request(
    body: Buffer,
    { version, maxBytes, signal }: GitRequestOptions,
  ): Promise<AsyncIterable<Buffer>> {
    const { maxRefsBytes } = this.#options.limits;
    const whole = this.#run(body, version, maxBytes + maxRefsBytes, signal);
    return skipAdvertisement(whole, this.#where);
  }

  /** The output of one `git-upload-pack`, the advertisement first. */
  async *#run(
    input: Buffer,
    version: 0 | 2,
    maxBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void> {
    const connection = await this.#connected(signal);
    connection.users++;
    clearTimeout(connection.idle);
    try {
      const channel = await this.#start(connection, version, signal);
      yield* this.#output(connection, channel, input, maxBytes, signal);
    } finally {
      connection.users--;
      if (connection.users === 0) {
        connection.idle = setTimeout(() => this.#drop(connection), KEEP_ALIVE_MS);
        connection.idle.unref();
      }
    }
  }

  #start(connection: Connection, version: 0 | 2, signal: AbortSignal): Promise<ClientChannel> {
    const env = version === 2 ? { GIT_PROTOCOL: "version=2" } : {};
    const starting = new Promise<ClientChannel>((resolve, reject) => {
      connection.client.exec(commandOf(this.#options.ssh.path), { env }, (error, channel) => {
        if (error === undefined) resolve(channel);
        else reject(sshError(error, this.#where, signal));
      });
    });
    return this.#within(connection, starting, this.#options.limits.headersTimeoutMs, signal);
  }

  async *#output(
    connection: Connection,
    channel: ClientChannel,
    input: Buffer,
    maxBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void> {
    const { headersTimeoutMs, idleTimeoutMs } = this.#options.limits;
    const ended = new Promise<void>((resolve) => channel.once("close", resolve));
    channel.on("error", () => undefined);
    let stderr: Buffer = Buffer.alloc(0);
    channel.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < MAX_STDERR_BYTES) stderr = Buffer.concat([stderr, chunk]);
    });
    channel.stderr.on("error", () => undefined);
    channel.end(input);
    const chunks = (channel as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    let size = 0;
    try {
      for (;;) {
        const timeoutMs = size === 0 ? headersTimeoutMs : idleTimeoutMs;
        const next = await this.#within(connection, chunks.next(), timeoutMs, signal);
        if (next.done === true) break;
        size += next.value.length;
        if (size > maxBytes) throw answerTooLarge(this.#where, maxBytes);
        yield next.value;
      }
      if (size > 0) return;
      await Promise.race([
        ended,
        this.#within(connection, ended, EXIT_DEADLINE_MS, signal).catch(() => undefined),
      ]);
      throw commandError(stderr, this.#where);
    } finally {
      channel.close();
    }
  }

  /** Waits no longer than allowed, and no longer than the connection lasts. */
  async #within<T>(
    connection: Connection,
    work: Promise<T>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<T> {
    const { broken } = connection;
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timeoutError(this.#where)), timeoutMs);
      stop = () => {
        if (signal.aborted) reject(sshError(signal.reason, this.#where, signal));
        else if (broken.signal.aborted) reject(sshError(broken.signal.reason, this.#where, signal));
      };
      signal.addEventListener("abort", stop, { once: true });
      broken.signal.addEventListener("abort", stop, { once: true });
      stop();
    });
    try {
      return await Promise.race([work, stopped]);
    } catch (error) {
      // What was waited for may never end while the connection stands.
      this.#drop(connection);
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      broken.signal.removeEventListener("abort", stop);
      work.catch(() => undefined);
    }
  }

  async #connected(signal: AbortSignal): Promise<Connection> {
    const current = this.#connecting;
    const known = await current?.catch(() => undefined);
    if (known !== undefined && !known.broken.signal.aborted) return known;
    // Somebody else may have begun a new one meanwhile.
    if (this.#connecting !== current) return this.#connected(signal);
    this.#connecting = this.#connect(signal);
    return this.#connecting;
  }

  #drop(connection: Connection): void {
    clearTimeout(connection.idle);
    connection.broken.abort(new Error("the connection was ended"));
    connection.client.destroy();
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    // Loaded when the first such repository is used: it is half a megabyte.
    const { default: ssh2 } = await import("ssh2");
    const { ssh, connection: options = {}, limits } = this.#options;
    const authentication = authenticationOf(
      await this.#options.credential(signal),
      (key, passphrase) => ssh2.utils.parseKey(key, passphrase),
      this.#where,
    );
    const bracketed = ssh.host.includes(":") ? `[${ssh.host}]` : ssh.host;
    const timeoutMs = limits.connectTimeoutMs;
    const sock = await connectToServer({
      hostname: ssh.host,
      port: ssh.port,
      guard: addressGuard(new URL(`https://${bracketed}/`), this.#where),
      proxy: proxyFor({ protocol: "ssh:", hostname: ssh.host, port: ssh.port }, options),
      timeoutMs,
      where: this.#where,
    }).catch((error: unknown) => {
      throw sshError(error, this.#where, signal);
    });
    let refused: SourceError | undefined;
    const client = new ssh2.Client();
    const broken = new AbortController();
    const connection: Connection = { client, broken, users: 0, idle: undefined };
    try {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(abortedError(this.#where, signal));
        signal.addEventListener("abort", abort, { once: true });
        client.on("ready", () => {
          signal.removeEventListener("abort", abort);
          resolve();
        });
        client.on("error", (error) => {
          broken.abort(error);
          reject(refused ?? sshError(error, this.#where, signal));
        });
        client.on("close", () => {
          const error = Object.assign(new Error("closed"), { code: "UND_ERR_SOCKET" });
          broken.abort(error);
          reject(refused ?? sshError(error, this.#where, signal));
        });
        client.connect({
          sock,
          username: ssh.user,
          readyTimeout: timeoutMs,
          ...authentication,
          algorithms: { serverHostKey: this.#hostKeyAlgorithms() },
          hostVerifier: (key: Buffer) => {
            refused = this.#judge(key);
            return refused === undefined;
          },
        });
      });
    } catch (error) {
      client.destroy();
      throw error;
    }
    return connection;
  }

  #judge(key: Buffer): SourceError | undefined {
    const { host, port } = this.#options.ssh;
    if (this.#options.connection?.insecure === true) return undefined;
    const verdict = this.#knownHosts.check(host, port, key);
    return verdict === "known"
      ? undefined
      : hostKeyError(verdict, { host, port, key }, this.#where);
  }

  /** Those whose key is known, so that the server does not show another. */
  #hostKeyAlgorithms(): NonNullable<NonNullable<ConnectConfig["algorithms"]>["serverHostKey"]> {
    const { host, port } = this.#options.ssh;
    const types = new Set(this.#knownHosts.keyTypes(host, port));
    const all = Object.entries(HOST_KEY_ALGORITHMS);
    const known = all.filter(([type]) => types.has(type));
    return (known.length > 0 ? known : all).flatMap(([, algorithms]) => [...algorithms]);
  }

  async close(): Promise<void> {
    const connection = await this.#connecting?.catch(() => undefined);
    if (connection !== undefined) this.#drop(connection);
  }
}

type ParseKey = (key: string, passphrase: string | undefined) => Error | object;

function authenticationOf(
  credential: Credential | undefined,
  parse: ParseKey,
  where: string,
): ConnectConfig {
  if (credential?.kind === "basic")
    return { password: credential.password, authHandler: ["password"] };
  if (credential?.kind !== "ssh-key") throw badKey("there is no SSH key to log in with", where);
  const { privateKey, passphrase } = credential;
  const parsed = parse(privateKey, passphrase);
  if (parsed instanceof Error) {
    const isLocked = /passphrase|decrypt|integrity|encrypted/i.test(parsed.message);
    throw badKey(
      isLocked
        ? `the SSH key is encrypted and its passphrase is ${passphrase === undefined ? "missing" : "wrong"}`
        : "the SSH key cannot be read",
      where,
    );
  }
  return {
    privateKey,
    authHandler: ["publickey"],
    ...(passphrase !== undefined && { passphrase }),
  };
}

/** The path in the quotes of a shell, as git itself writes it. */
function commandOf(path: string): string {
  return `git-upload-pack '${path.replace(/['!]/g, (found) => `'\\${found}'`)}'`;
}
