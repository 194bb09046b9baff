/** A real SSH server for tests, which runs stock `git-upload-pack`; with faults to switch on. */
import { spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import ssh2, { type Connection, type ServerChannel } from "ssh2";

export type SshHostKey = "ed25519" | "ecdsa" | "rsa";

export interface GitSshServerOptions {
  /** Holds the repositories: `<root>/app.git` is served as `/app.git` and as `app.git`. */
  readonly root: string;
  /** Public keys that may log in, as in `authorized_keys`. */
  readonly authorized: readonly string[];
  readonly hostKeys?: readonly SshHostKey[];
  /** Whether clients may ask for version 2 of the protocol. @default true */
  readonly version2?: boolean;
  /** @default 127.0.0.1 */
  readonly address?: string;
}

export type GitSshFault = "none" | "hang" | "trickle" | "silent-exit" | "drop";

export interface GitSshServer {
  readonly port: number;
  /** Lines of `known_hosts`, one a host key. */
  readonly knownHosts: string;
  readonly hostPublicKeys: readonly string[];
  /** Commands so far. */
  readonly commands: string[];
  connections: number;
  /** What signed the last login: `rsa-sha2-512`. */
  lastAlgorithm: string;
  fault: GitSshFault;
  close(): Promise<void>;
}

/** A pair as ssh-keygen writes it. */
export function sshKeyPair(
  type: SshHostKey,
  passphrase?: string,
): { readonly private: string; readonly public: string } {
  const encryption =
    passphrase === undefined ? {} : { passphrase, cipher: "aes256-ctr", rounds: 4 };
  const options = { comment: "test", ...encryption };
  return type === "ed25519"
    ? ssh2.utils.generateKeyPairSync("ed25519", options)
    : ssh2.utils.generateKeyPairSync(type, { ...options, bits: type === "rsa" ? 2048 : 256 });
}

export async function startGitSshServer(options: GitSshServerOptions): Promise<GitSshServer> {
  const pairs = (options.hostKeys ?? ["ed25519"]).map((type) => sshKeyPair(type));
  const connections = new Set<Connection>();
  const state = {
    commands: [] as string[],
    connections: 0,
    lastAlgorithm: "",
    fault: "none" as GitSshFault,
  };
  const server = new ssh2.Server({ hostKeys: pairs.map((pair) => pair.private) }, (connection) => {
    connections.add(connection);
    state.connections++;
    // Missing in the types. Otherwise every answer waits 40 ms.
    (connection as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    connection.on("error", () => undefined);
    connection.on("close", () => connections.delete(connection));
    connection.on("authentication", (context) => {
      if (context.method !== "publickey") return context.reject(["publickey"]);
      const key = context.key.data.toString("base64");
      if (!options.authorized.some((line) => line.split(" ")[1] === key)) return context.reject();
      if (context.signature === undefined || context.blob === undefined) return context.accept();
      const parsed = ssh2.utils.parseKey(context.key.data);
      if (parsed instanceof Error) return context.reject();
      state.lastAlgorithm = context.hashAlgo ?? context.key.algo;
      if (parsed.verify(context.blob, context.signature, context.hashAlgo)) context.accept();
      else context.reject();
    });
    connection.on("session", (accept) => {
      const session = accept();
      let version = "";
      session.on("env", (acceptEnv, _reject, { key, val }) => {
        if (key === "GIT_PROTOCOL" && options.version2 !== false) version = val;
        acceptEnv?.();
      });
      session.on("exec", (acceptExec, _reject, { command }) => {
        state.commands.push(command);
        if (state.fault === "drop") return void connection.end();
        serve(acceptExec(), command, version, options.root, state.fault);
      });
    });
  });
  const address = options.address ?? "127.0.0.1";
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  const hostPublicKeys = pairs.map((pair) => pair.public.split(" ").slice(0, 2).join(" "));
  return Object.assign(state, {
    port,
    hostPublicKeys,
    knownHosts: hostPublicKeys.map((key) => `[${address}]:${port} ${key}\n`).join(""),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.end();
      await closed;
    },
  });
}

function serve(
  channel: ServerChannel,
  command: string,
  version: string,
  root: string,
  fault: GitSshFault,
): void {
  channel.on("error", () => undefined);
  const path = /^git-upload-pack '([^']+)'$/.exec(command)?.[1];
  if (fault === "hang") return;
  if (path === undefined || fault === "silent-exit") {
    channel.exit(1);
    channel.end();
    return;
  }
  // The way a forge speaks, which is not git's.
  if (path.includes("private")) {
    channel.stderr.write("ERROR: Permission to private.git denied to deploy key\n");
    channel.exit(1);
    channel.end();
    return;
  }
  const git = spawn("git-upload-pack", [join(root, path)], {
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/lib/git-core`, GIT_PROTOCOL: version },
    stdio: ["pipe", "pipe", "pipe"],
  });
  channel.pipe(git.stdin).on("error", () => undefined);
  git.stderr.pipe(channel.stderr);
  const timers: NodeJS.Timeout[] = [];
  if (fault === "trickle") {
    const output: Buffer[] = [];
    git.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    let sent = 0;
    timers.push(setInterval(() => channel.write(Buffer.concat(output).subarray(sent, ++sent)), 20));
  } else git.stdout.pipe(channel, { end: false });
  channel.on("close", () => {
    for (const timer of timers) clearInterval(timer);
    git.kill();
  });
  if (fault !== "trickle")
    git.on("close", (code) => {
      channel.exit(code ?? 1);
      channel.end();
    });
}
