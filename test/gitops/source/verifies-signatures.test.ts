/** Signatures made by stock gpg, ssh-keygen and git: which are taken, and why others are not. */
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateKeyPairSync, sign as signBytes, createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Commit } from "../../../src/gitops/source/source.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { signingKeysOf } from "../../../src/gitops/source/verify/signing-keys.ts";
import { verifySsh } from "../../../src/gitops/source/verify/ssh-public-key.ts";
import { sshString } from "../../../src/gitops/source/verify/ssh-wire.ts";
import {
  type VerificationMode,
  type VerificationOptions,
  verifyCommit,
} from "../../../src/gitops/source/verify/verify-commit.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";

const run = promisify(execFile);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
let sources: Sources;

beforeAll(async () => {
  directory = await temporaryDirectory();
  work = await WorkTree.init(join(directory.path, "work"));
  sources = new Sources({ dataDir: join(directory.path, "data") });
  await work.commit({ "web.yaml": "kind: Deployment\n" }, "unsigned");
});
afterAll(async () => {
  await sources.stop();
  await directory.dispose();
});

async function at(revision: string): Promise<Commit> {
  const source = await sources.open({ repoURL: work.path });
  return source.resolve(revision);
}

/** Who signed a revision, or why it is refused. */
async function verdict(
  revision: string,
  keys: Readonly<Record<string, string>>,
  mode: VerificationMode = "HEAD",
  more: Partial<VerificationOptions> = {},
): Promise<string> {
  const options = { mode, keys: signingKeysOf("keys", keys), where: "repo", nowMs: Date.now() };
  try {
    return (await verifyCommit(await at(revision), { ...options, ...more })).join(", ");
  } catch (error) {
    expect(error).toBeInstanceOf(SourceError);
    const { code, what, retryable } = error as SourceError;
    expect(retryable).toBe(false);
    return `${code}: ${what}`;
  }
}

interface Signer {
  /** Options of git that make it sign with this key. */
  readonly git: readonly string[];
  readonly publicKey: string;
}

async function sshSigner(name: string, ...type: string[]): Promise<Signer> {
  const file = join(directory.path, name);
  await run("ssh-keygen", ["-q", "-N", "", "-C", `${name}@example.com`, "-f", file, ...type]);
  return {
    git: ["-c", "gpg.format=ssh", "-c", `user.signingKey=${file}`],
    publicKey: await readFile(`${file}.pub`, "utf8"),
  };
}

/** Signs an empty commit, on a branch of its own. */
async function signedCommit(branch: string, signer: Signer, ...options: string[]): Promise<void> {
  await work.git("checkout", "-q", "-B", branch, "main");
  await work.git(
    ...signer.git,
    "commit",
    "-q",
    "-S",
    "--allow-empty",
    "-m",
    `${branch}\n\nbody ö`,
    ...options,
  );
  await work.git("checkout", "-q", "main");
}

describe("SSH", () => {
  let ada: Signer;

  beforeAll(async () => {
    ada = await sshSigner("ada", "-t", "ed25519");
    await signedCommit("ssh", ada);
  });

  test.each([
    ["ed25519", ["-t", "ed25519"]],
    ["ecdsa-256", ["-t", "ecdsa", "-b", "256"]],
    ["ecdsa-384", ["-t", "ecdsa", "-b", "384"]],
    ["ecdsa-521", ["-t", "ecdsa", "-b", "521"]],
    ["rsa", ["-t", "rsa", "-b", "2048"]],
  ] as const)("a commit signed by an allowed %s key is taken", async (name, type) => {
    const signer = await sshSigner(`key-${name}`, ...type);
    await signedCommit(`ssh-${name}`, signer);
    expect(await verdict(`ssh-${name}`, { "team.pub": signer.publicKey })).toMatch(
      /^key-\S+@example.com \(SHA256:\S{43}\)$/,
    );
  });

  test("many keys may be given, in files and lines, with comments between", async () => {
    const other = await sshSigner("other", "-t", "ed25519");
    const keys = { "a.pub": other.publicKey, "b.pub": `# team\n\n${ada.publicKey}` };
    expect(await verdict("ssh", keys)).toContain("ada@example.com");
  });

  test("an unsigned commit is refused", async () => {
    expect(await verdict("main", { "team.pub": ada.publicKey })).toMatch(
      /^signature: commit [0-9a-f]{40} is not signed$/,
    );
  });

  test("an unknown key is refused by its fingerprint", async () => {
    const { stdout } = await run("ssh-keygen", ["-lf", join(directory.path, "ada.pub")]);
    const shown = stdout.split(" ")[1] ?? "?";
    const other = await sshSigner("stranger", "-t", "ed25519");
    const answer = await verdict("ssh", { "team.pub": other.publicKey });
    expect(answer).toContain(`the SSH key ${shown} is not among the allowed ones`);
    expect(await verdict("ssh", {})).toContain("not among the allowed ones");
  });

  test("a key that is revoked is refused although it is allowed", async () => {
    const keys = { "team.pub": ada.publicKey, revoked_keys: ada.publicKey };
    expect(await verdict("ssh", keys)).toContain("is revoked");
  });

  test("a commit changed after signing is refused", async () => {
    const raw = await work.git("cat-file", "commit", "ssh");
    const forged = `${raw.replace("body", "evil")}\n`;
    const file = join(directory.path, "forged");
    await writeFile(file, forged);
    const id = await work.git("hash-object", "-t", "commit", "-w", file);
    expect(await verdict(id, { "team.pub": ada.publicKey })).toContain("does not fit the content");
  });

  test("a signature for another purpose than git is refused", async () => {
    const raw = await work.git("cat-file", "commit", "main");
    const payload = join(directory.path, "payload");
    await writeFile(payload, `${raw}\n`);
    await run("ssh-keygen", [
      "-q",
      "-Y",
      "sign",
      "-n",
      "file",
      "-f",
      join(directory.path, "ada"),
      payload,
    ]);
    const armoured = (await readFile(`${payload}.sig`, "utf8")).trimEnd().replaceAll("\n", "\n ");
    await writeFile(payload, `${raw.replace("\n\n", `\ngpgsig ${armoured}\n\n`)}\n`);
    const id = await work.git("hash-object", "-t", "commit", "-w", payload);
    expect(await verdict(id, { "team.pub": ada.publicKey })).toContain(
      'was made for "file", not for git',
    );
  });

  const allowed = (options: string, key = ada.publicKey): Record<string, string> => ({
    allowed_signers: `ada@example.com,*@corp.test ${options} ${key}`,
  });

  test("git's allowed signers are read, with their restrictions", async () => {
    expect(await verdict("ssh", allowed('namespaces="git"'))).toContain("ada@example.com,*@corp");
    expect(await verdict("ssh", allowed('namespaces="file"'))).toContain(
      "not allowed to sign for git",
    );
    expect(
      await verdict("ssh", allowed('valid-after="20200101",valid-before="29990101Z"')),
    ).toContain("ada@");
    expect(await verdict("ssh", allowed('valid-after="29990101"'))).toContain("not valid yet");
    expect(await verdict("ssh", allowed('valid-before="20200101120000Z"'))).toContain(
      "was expired at that date",
    );
    expect(await verdict("ssh", allowed("cert-authority"))).toContain("as an authority only");
    const unknown = await verdict("ssh", allowed('only-on="tuesdays"'));
    expect(unknown).toContain("not among the allowed ones");
  });

  test("a date in the future does not help", async () => {
    const date = "2999-01-01T00:00:00Z";
    await work.git("checkout", "-q", "-B", "future", "main");
    const file = join(directory.path, "future");
    const raw = await work.git("cat-file", "commit", "main");
    const at2999 = String(Date.parse(date) / 1000);
    await writeFile(file, `${raw.replace(/(committer .*> )\d+/, `$1${at2999}`)}\n`);
    await run("ssh-keygen", [
      "-q",
      "-Y",
      "sign",
      "-n",
      "git",
      "-f",
      join(directory.path, "ada"),
      file,
    ]);
    const armoured = (await readFile(`${file}.sig`, "utf8")).trimEnd().replaceAll("\n", "\n ");
    const content = await readFile(file, "utf8");
    await writeFile(file, content.replace("\n\n", `\ngpgsig ${armoured}\n\n`));
    const id = await work.git("hash-object", "-t", "commit", "-w", file);
    await work.git("checkout", "-q", "main");
    expect(await verdict(id, { "team.pub": ada.publicKey })).toContain("lies in the future");
  });

  test("what git itself says is the same", async () => {
    const file = join(directory.path, "allowed_signers");
    await writeFile(file, `ada@example.com ${ada.publicKey}`);
    const config = ["-c", "gpg.format=ssh", "-c", `gpg.ssh.allowedSignersFile=${file}`];
    await expect(work.git(...config, "verify-commit", "ssh")).resolves.toBe("");
  });

  test("a security key's signature counts only when somebody touched it", () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const point = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
    const type = "sk-ssh-ed25519@openssh.com";
    const key = Buffer.concat([sshString(type), sshString(point), sshString("ssh:")]);
    const sha = (data: Buffer): Buffer => createHash("sha256").update(data).digest();
    const data = Buffer.from("what is signed");
    const signed = (flags: number): Buffer => {
      const state = Buffer.from([flags, 0, 0, 0, 7]);
      const proof = signBytes(
        null,
        Buffer.concat([sha(Buffer.from("ssh:")), state, sha(data)]),
        privateKey,
      );
      return Buffer.concat([sshString(type), sshString(proof), state]);
    };
    expect(verifySsh(key, signed(1), data)).toBe(true);
    expect(verifySsh(key, signed(0), data)).toBe(false);
    expect(verifySsh(key, signed(1), Buffer.from("else"))).toBe(false);
  });
});

describe("tags", () => {
  let ada: Signer;
  let keys: Record<string, string>;

  beforeAll(async () => {
    ada = await sshSigner("tagger", "-t", "ed25519");
    keys = { "team.pub": ada.publicKey };
    await work.git(...ada.git, "tag", "-s", "-m", "release", "v1.0.0", "main");
    await work.git("tag", "-a", "-m", "unsigned", "v1.1.0", "main");
    await work.git("tag", "light", "main");
    await signedCommit("for-tag", ada);
    await work.git(...ada.git, "tag", "-s", "-m", "both", "v2.0.0", "for-tag");
  });

  test("a signed tag is taken, also of a commit that is not signed", async () => {
    expect(await verdict("v1.0.0", keys, "Tag")).toContain("tagger@example.com");
    expect(await verdict("1.0.x", keys, "Tag")).toContain("tagger@example.com");
  });

  test("TagAndHEAD wants both", async () => {
    expect(await verdict("v2.0.0", keys, "TagAndHEAD")).toMatch(/tagger.*, tagger/);
    expect(await verdict("v1.0.0", keys, "TagAndHEAD")).toMatch(
      /commit [0-9a-f]{40} is not signed/,
    );
  });

  test.each([
    ["v1.1.0", "tag v1.1.0 is not signed"],
    ["light", "is no annotated tag"],
    ["for-tag", "is no annotated tag"],
  ])("%s is refused: %s", async (revision, why) => {
    expect(await verdict(revision, keys, "Tag")).toContain(why);
  });

  test("a signed tag under another name is refused: it could be an old one", async () => {
    const id = await work.git("rev-parse", "v1.0.0");
    await work.git("update-ref", "refs/tags/v9.9.9", id);
    expect(await verdict("v9.9.9", keys, "Tag")).toContain(
      'was signed under another name: "v1.0.0"',
    );
  });
});

describe("OpenPGP", () => {
  interface PgpSigner extends Signer {
    readonly home: string;
    readonly fingerprint: string;
  }

  async function pgpSigner(name: string, expire = "never", time?: string): Promise<PgpSigner> {
    const home = join(directory.path, `g-${name}`);
    await mkdir(home, { mode: 0o700 });
    if (time !== undefined) await writeFile(join(home, "gpg.conf"), `faked-system-time ${time}\n`);
    const gpg = (...args: string[]) =>
      run("gpg", ["--homedir", home, "--batch", "--quiet", ...args]);
    await gpg(
      "--passphrase",
      "",
      "--quick-generate-key",
      `${name} <${name}@example.com>`,
      "ed25519",
      "sign",
      expire,
    );
    const program = join(home, "sign");
    await writeFile(program, `#!/bin/sh\nexec gpg --homedir '${home}' "$@"\n`);
    await chmod(program, 0o755);
    const { stdout } = await gpg("--export", "--armor");
    const [revocation = ""] = await readdir(join(home, "openpgp-revocs.d"));
    const fingerprint = revocation.replace(".rev", "");
    return {
      home,
      fingerprint,
      publicKey: stdout,
      git: ["-c", `gpg.program=${program}`, "-c", `user.signingKey=${fingerprint}`],
    };
  }

  let grace: PgpSigner;
  beforeAll(async () => {
    grace = await pgpSigner("grace");
    await signedCommit("pgp", grace);
    await work.git(...grace.git, "tag", "-s", "-m", "release", "pgp-1", "pgp");
  });
  afterAll(async () => {
    for (const name of await readdir(directory.path))
      if (name.startsWith("g-"))
        await run("gpgconf", ["--homedir", join(directory.path, name), "--kill", "all"]);
  });

  test("a commit and a tag signed by an allowed key are taken", async () => {
    const keys = { "grace.asc": grace.publicKey };
    const shown = `grace <grace@example.com> (${grace.fingerprint})`;
    expect(await verdict("pgp", keys)).toBe(shown);
    expect(await verdict("pgp-1", keys, "TagAndHEAD")).toBe(`${shown}, ${shown}`);
  });

  test("an unknown key, and a changed commit, are refused", async () => {
    const other = await pgpSigner("eve");
    expect(await verdict("pgp", { "eve.asc": other.publicKey })).toMatch(
      /OpenPGP key [0-9A-F]{16} is not among the allowed ones/,
    );
    const raw = await work.git("cat-file", "commit", "pgp");
    const file = join(directory.path, "forged-pgp");
    await writeFile(file, `${raw.replace("body", "evil")}\n`);
    const id = await work.git("hash-object", "-t", "commit", "-w", file);
    expect(await verdict(id, { "grace.asc": grace.publicKey })).toContain(
      "does not fit the content",
    );
  });

  test("an expired key is refused", async () => {
    const old = await pgpSigner("old", "1y", "20200101T000000!");
    await signedCommit("pgp-old", old);
    expect(await verdict("pgp-old", { "old.asc": old.publicKey })).toContain("is expired");
  });

  test("a revoked key is refused", async () => {
    const revocation = join(grace.home, "openpgp-revocs.d", `${grace.fingerprint}.rev`);
    const certificate = join(directory.path, "revoke.asc");
    await writeFile(
      certificate,
      (await readFile(revocation, "utf8")).replace(":-----BEGIN", "-----BEGIN"),
    );
    const home = join(directory.path, "g-reader");
    await mkdir(home, { mode: 0o700 });
    await writeFile(join(home, "key.asc"), grace.publicKey);
    const gpg = (...args: string[]) =>
      run("gpg", ["--homedir", home, "--batch", "--quiet", ...args]);
    await gpg("--import", join(home, "key.asc"));
    await gpg("--import", certificate);
    const { stdout } = await gpg("--export", "--armor");
    expect(await verdict("pgp", { "grace.asc": stdout })).toContain("is revoked");
  });

  test("without the optional library the error says how to get it", async () => {
    const loadOpenPgp = () => Promise.reject(new Error("Cannot find package 'openpgp'"));
    const answer = await verdict("pgp", { "grace.asc": grace.publicKey }, "HEAD", { loadOpenPgp });
    expect(answer).toMatch(/^unsupported: .*openpgp is not installed/);
  });

  test("SSH signatures need no such library", async () => {
    const loadOpenPgp = () => Promise.reject(new Error("Cannot find package 'openpgp'"));
    const ada = await sshSigner("no-pgp", "-t", "ed25519");
    await signedCommit("no-pgp", ada);
    const keys = { "a.pub": ada.publicKey };
    expect(await verdict("no-pgp", keys, "HEAD", { loadOpenPgp })).toContain("no-pgp@");
  });
});

test("keys that cannot be read are named, the others count", async () => {
  const keys = { "team.pub": "ssh-ed25519 broken\n" };
  await git(work.path, "checkout", "-q", "main");
  const error = await verifyCommit(await at("main"), {
    mode: "HEAD",
    keys: signingKeysOf("x", keys),
    where: "repo",
    nowMs: 0,
  }).catch((reason: unknown) => reason);
  expect(String(error)).toContain("team.pub line 1");
});
