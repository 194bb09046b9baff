/** Servers and packs that send anything at all: one error, no crash, nothing left behind. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { addressGuard } from "../../../src/gitops/source/address-guard.ts";
import { parseTree } from "../../../src/gitops/source/git-objects.ts";
import {
  checkPack,
  DEFAULT_PACK_LIMITS,
  PackError,
} from "../../../src/gitops/source/pack-check.ts";
import { isSafeRefName } from "../../../src/gitops/source/ref-name.ts";
import { parseRepositoryUrl, redactUrl } from "../../../src/gitops/source/repo-url.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";

describe("a server that answers anything", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let sources: Sources;
  let server: Server;
  let url: string;
  let advertisement: Buffer;
  let result: Buffer;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    sources = new Sources({ dataDir: directory.path });
    server = createServer((request, response) => {
      const isRefs = request.method === "GET";
      const kind = isRefs ? "advertisement" : "result";
      response.setHeader("content-type", `application/x-git-upload-pack-${kind}`);
      response.end(isRefs ? advertisement : result);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/app.git`;
  });
  afterEach(async () => {
    await sources.stop();
    await new Promise((resolve) => server.close(resolve));
    await directory.dispose();
  });

  const line = (text: string): string => (text.length + 4).toString(16).padStart(4, "0") + text;
  const ID = "0123456789012345678901234567890123456789";
  const refs = (names: readonly string[]): Buffer => {
    const [first = "", ...rest] = names;
    const capabilities = "multi_ack_detailed no-done side-band-64k ofs-delta shallow deepen-since";
    return Buffer.from(
      `${line("# service=git-upload-pack\n")}0000${line(`${ID} ${first}\0${capabilities}\n`)}${rest.map((name) => line(`${ID} ${name}\n`)).join("")}0000`,
    );
  };

  async function failure(): Promise<SourceError> {
    const source = await sources.open({ repoURL: url });
    const error = await source.resolve("main").catch((reason: unknown) => reason);
    await source.close();
    expect(error).toBeInstanceOf(SourceError);
    return error as SourceError;
  }

  test("random bytes for the refs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        advertisement = Buffer.from(bytes);
        result = Buffer.alloc(0);
        await failure();
      }),
      { numRuns: 25 },
    );
  });

  test("random bytes for the pack, framed or not", async () => {
    advertisement = refs(["refs/heads/main"]);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, framed) => {
        const band = Buffer.concat([Buffer.from([1]), Buffer.from(bytes)]);
        const length = (band.length + 4).toString(16).padStart(4, "0");
        result = framed
          ? Buffer.concat([Buffer.from(`0008NAK\n${length}`), band, Buffer.from("0000")])
          : Buffer.from(bytes);
        await failure();
      }),
      { numRuns: 25 },
    );
    const files = await readdir(directory.path, { recursive: true });
    expect(files.filter((file) => /\.(pack|idx)|tmp-/.test(file))).toEqual([]);
  });

  test("names of refs that lead out of the cache are not written, nor offered", async () => {
    advertisement = refs([
      "refs/heads/../../../../evil",
      "refs/heads/-x",
      "refs/heads/a..b",
      "HEAD",
    ]);
    result = Buffer.from("0000");
    expect((await failure()).code).toBe("revision-not-found");
    const files = await readdir(directory.path, { recursive: true });
    expect(files.filter((file) => file.includes("evil"))).toEqual([]);
  });

  test("what a server reports is shown, without control characters", async () => {
    advertisement = refs(["refs/heads/main"]);
    result = Buffer.from(`${line("ERR \u001b[31mno space left\n")}0000`);
    const error = await failure();
    expect(error).toMatchObject({ code: "server-error", retryable: true });
    expect(error.what).toContain("no space left");
    expect(error.message).not.toContain("\u001b");
  });
});

describe("packs", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let pack: Buffer;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const work = await WorkTree.init(join(directory.path, "work"));
    for (let n = 0; n < 5; n++)
      await work.commit({ "big.txt": `${"line\n".repeat(500)}${n}\n`, "b.yaml": `v: ${n}` });
    await git(work.path, "gc", "-q");
    const { stdout } = await promisify(execFile)("sh", ["-c", "cat .git/objects/pack/*.pack"], {
      cwd: work.path,
      encoding: "buffer",
    });
    pack = stdout;
  });
  afterAll(() => directory.dispose());

  const problem = async (bytes: Buffer, limits = DEFAULT_PACK_LIMITS): Promise<string> => {
    try {
      await checkPack(bytes, limits);
      return "none";
    } catch (error) {
      expect(error).toBeInstanceOf(PackError);
      return (error as PackError).problem;
    }
  };
  const withChecksum = (body: Buffer): Buffer =>
    Buffer.concat([body, createHash("sha1").update(body).digest()]);

  test("of stock git pass", async () => {
    expect(await checkPack(pack, DEFAULT_PACK_LIMITS)).toMatchObject({ objects: 20 });
  });

  test("that are cut anywhere are truncated", async () => {
    for (const length of [0, 11, 31, 100, pack.length - 21, pack.length - 1])
      expect(await problem(pack.subarray(0, length))).toBe("truncated");
  });

  test("with any byte changed are refused, also with a checksum that fits", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(pack.length - 21),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const changed = Buffer.from(pack);
          changed[at] = (changed[at] ?? 0) ^ flip;
          expect(await problem(changed)).not.toBe("none");
          // A server that wants to can make the sum fit: then it fails cleanly, or is a pack.
          await problem(withChecksum(changed.subarray(0, -20)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("that claim more than is allowed are too large, whatever they weigh", async () => {
    expect(await problem(pack, { ...DEFAULT_PACK_LIMITS, maxObjects: 19 })).toBe("too-large");
    expect(await problem(pack, { ...DEFAULT_PACK_LIMITS, maxObjectBytes: 100 })).toBe("too-large");
    expect(await problem(pack, { ...DEFAULT_PACK_LIMITS, maxTotalBytes: 1000 })).toBe("too-large");
  });

  test("a delta that claims gigabytes is not unpacked", async () => {
    // Base of 1 byte; then a delta whose header says that its result has 2^34 bytes.
    const base = Buffer.concat([Buffer.from([0x31]), deflateSync(Buffer.from("x"))]);
    const delta = Buffer.from([0x01, 0x80, 0x80, 0x80, 0x80, 0x40, 0x90, 0x01]);
    const entry = Buffer.concat([
      Buffer.from([0x60 | delta.length, base.length]),
      deflateSync(delta),
    ]);
    const head = Buffer.from([0x50, 0x41, 0x43, 0x4b, 0, 0, 0, 2, 0, 0, 0, 2]);
    expect(await problem(withChecksum(Buffer.concat([head, base, entry])))).toBe("too-large");
  });
});

test("tree objects of any bytes give entries or one error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const entry of parseTree("id", Buffer.from(bytes)))
          expect(entry.name).not.toMatch(/^$|\/|^\.\.?$|^\.git$/);
      } catch (error) {
        expect(error).toMatchObject({ code: "corrupt" });
      }
    }),
  );
});

test.each<[string, boolean]>([
  ["refs/heads/main", true],
  ["refs/heads/feature/größe-1", true],
  ["refs/tags/v1.0", true],
  ["", false],
  ["refs/heads/../x", false],
  ["refs/heads/-x", false],
  ["refs/heads/a..b", false],
  ["refs/heads/a b", false],
  ["refs/heads/x.lock", false],
  ["refs/heads/.x", false],
  ["refs/heads/a@{1}", false],
  ["refs/heads/a\n", false],
  ["refs//heads", false],
  ["refs/heads/", false],
  ["/etc/passwd", false],
  ["refs/heads/x:y", false],
])("the ref name %j is safe: %s", (name, expected) => {
  expect(isSafeRefName(name)).toBe(expected);
});

describe("addresses behind names", () => {
  const lookup = (url: string, host: string): Promise<unknown> =>
    new Promise((resolve) => {
      addressGuard(new URL(url)).lookup(host, {}, (error, address) => resolve(error ?? address));
    });

  test("a name that leads to this machine is refused, unless the URL names this machine", async () => {
    expect(await lookup("https://git.example.com/a.git", "localhost")).toMatchObject({
      code: "address-refused",
    });
    expect(await lookup("http://localhost:3000/a.git", "localhost")).toMatch(/^(127\.|::1)/);
  });

  test.each([
    ["10.0.0.1", true],
    ["192.168.1.1", true],
    ["[fd00::1]", true],
    ["140.82.121.4", true],
    ["127.0.0.1", false],
    ["[::1]", false],
    ["[::ffff:127.0.0.1]", false],
    ["169.254.1.1", false],
    ["[64:ff9b::a9fe:a9fe]", false],
    ["0.0.0.0", false],
    ["[::]", false],
    ["224.0.0.1", false],
    ["100.100.100.200", false],
  ])("%s may be fetched from: %s", (host, allowed) => {
    const { checkHost } = addressGuard(new URL("https://git.example.com/a.git"));
    const check = (): void => checkHost(new URL(`http://${host}/`).hostname);
    if (allowed) expect(check).not.toThrow();
    else expect(check).toThrow(SourceError);
  });
});

describe("URLs", () => {
  test.each([
    ["https://user:pa%20ss@example.com/a.git/?token=x#y", "https://example.com/a.git"],
    ["HTTP://Example.com:80/a", "http://example.com/a"],
  ])("%s is %s", (text, url) => {
    expect(parseRepositoryUrl(text)).toMatchObject({ kind: "remote", url });
  });

  test("userinfo is taken out and decoded", () => {
    expect(parseRepositoryUrl("https://user:pa%20ss@example.com/a.git")).toMatchObject({
      userinfo: { username: "user", password: "pa ss" },
    });
  });

  test.each(["./repo", "/srv/repo.git", "repo", "C:\\repos\\app", "../x"])(
    "%s is a path",
    (text) => {
      expect(parseRepositoryUrl(text).kind).toBe("local");
    },
  );

  test.each(["https://user:secret@", "http://u:secret@[bad", "", "https://a\u0000b"])(
    "%j is refused, and its password not repeated",
    (text) => {
      let error: unknown;
      try {
        parseRepositoryUrl(text);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: "bad-url" });
      expect(String(error)).not.toContain("secret");
    },
  );

  test("redaction works inside sentences", () => {
    expect(redactUrl("fetch https://u:secret@h/x?token=secret failed")).toBe(
      "fetch https://h/x failed",
    );
  });
});
