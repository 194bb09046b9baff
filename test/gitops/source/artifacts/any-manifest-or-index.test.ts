/** What registries and chart repositories say of themselves is used where it makes sense, and refused else. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import {
  chartVersions,
  selectVersion,
} from "../../../../src/gitops/source/artifacts/helm/chart-versions.ts";
import {
  parseManifest,
  selectLayer,
  selectManifest,
} from "../../../../src/gitops/source/artifacts/oci/oci-manifest.ts";
import { SourceError } from "../../../../src/gitops/source/source-error.ts";

/** The result; undefined for a refusal, which is the only other end. */
function orRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(SourceError);
    return undefined;
  }
}

const DIGEST = `sha256:${"a".repeat(64)}`;
const mostly = <A, B>(usual: fc.Arbitrary<A>, rare: fc.Arbitrary<B>): fc.Arbitrary<A | B> =>
  fc.oneof({ arbitrary: usual, weight: 6 }, { arbitrary: rare, weight: 1 });
const anything = fc.jsonValue({ maxDepth: 3 });
const name = fc.constantFrom("__proto__", "constructor", "org.opencontainers.image.revision", "x");
const descriptor = fc.record(
  {
    mediaType: fc.oneof(
      fc.constantFrom(
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip",
      ),
      anything,
    ),
    digest: mostly(
      fc.constant(DIGEST),
      fc.constantFrom<unknown>("sha256:../../etc/passwd", "md5:1", 7),
    ),
    size: fc.oneof(fc.constantFrom(-1, 1e308, 0.5), anything),
    platform: anything,
    annotations: fc.oneof(fc.dictionary(name, anything), anything),
  },
  { requiredKeys: ["digest"] },
);
const list = mostly(
  fc.array(mostly(descriptor, anything), { minLength: 1, maxLength: 3 }),
  anything,
);
const manifest = fc.record(
  {
    mediaType: fc.oneof(
      fc.constantFrom(
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
      ),
      anything,
    ),
    layers: list,
    manifests: list,
    annotations: fc.dictionary(name, anything),
  },
  { requiredKeys: [] },
);

test("any manifest of a registry", () => {
  let used = 0;
  fc.assert(
    fc.property(fc.oneof(manifest, anything), fc.boolean(), (document, wantsChart) => {
      const bytes = Buffer.from(JSON.stringify(document));
      const parsed = orRefused(() =>
        parseManifest(bytes, "application/vnd.oci.image.manifest.v1+json", "where"),
      );
      if (parsed === undefined) return;
      const chosen = orRefused(() =>
        parsed.kind === "index"
          ? selectManifest(parsed.manifests, "where")
          : selectLayer(parsed.layers, wantsChart, "where").layer,
      );
      if (chosen === undefined) return;
      used++;
      // It becomes part of a path and of a URL.
      expect(chosen.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(chosen.sizeBytes).toBeGreaterThanOrEqual(0);
      for (const text of Object.values(parsed.annotations)) expect(typeof text).toBe("string");
    }),
    { numRuns: 2_000 },
  );
  expect(used).toBeGreaterThan(5);
});

test("any bytes are a manifest or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      orRefused(() => parseManifest(Buffer.from(bytes), "", "where"));
    }),
  );
});

const version = fc.record(
  {
    version: fc.oneof(fc.constantFrom("1.2.3", "2.0.0-rc.1", "v1", "latest"), anything),
    urls: fc.oneof(fc.constantFrom(["web-1.2.3.tgz"], ["https://x/y.tgz"]), anything),
    digest: fc.oneof(fc.constantFrom("a".repeat(64), "../../x"), anything),
    created: anything,
    description: anything,
    removed: anything,
  },
  { requiredKeys: [] },
);
const chart = fc.constantFrom("web", "__proto__", "constructor", "a.b", "$&", ".*", "web:");
const index = fc.record({
  entries: fc.oneof(
    fc.dictionary(
      chart,
      fc.oneof(fc.array(fc.oneof(version, anything), { maxLength: 4 }), anything),
    ),
    anything,
  ),
});

test("any index of a chart repository, as YAML and as JSON", () => {
  let used = 0;
  fc.assert(
    fc.property(index, chart, fc.string({ maxLength: 10 }), (document, wanted, range) => {
      for (const text of [JSON.stringify(document), stringify(document)]) {
        const versions = orRefused(() => chartVersions(text, wanted, "where"));
        for (const each of versions ?? []) {
          used++;
          expect(each.digest ?? DIGEST).toMatch(/^sha256:[0-9a-f]{64}$/);
          expect(Number.isFinite(each.createdMs)).toBe(true);
          expect(typeof each.url).toBe("string");
        }
        for (const asked of ["*", "1.2.3", range]) selectVersion(versions ?? [], asked);
      }
    }),
    { numRuns: 1_000 },
  );
  expect(used).toBeGreaterThan(20);
});

test("any text is an index or none, soon", () => {
  const line = fc.constantFrom(
    "entries:",
    "  web:",
    "  - version: 1.0.0",
    "\t",
    "  #",
    "&a",
    "*a",
    "web: [",
    "{",
    "    ",
  );
  const startMs = performance.now();
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 30 }), (lines) => {
      orRefused(() => chartVersions(lines.join("\n"), "web", "where"));
    }),
    { numRuns: 1_000 },
  );
  for (const piece of ["  \n", "  web:\n", " ", "#\n", "  - \n", "entries:\n"])
    orRefused(() => chartVersions(`entries:\n${piece.repeat(100_000)}`, "web", "where"));
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test.each(["a: b\n", "- x\n", "[", "{a: b},", "x,"])(
  "megabytes of %j are refused unread",
  (piece) => {
    const text = `entries:\n${piece.repeat(Math.floor((8 * 1024 * 1024) / piece.length) - 10)}`;
    const startMs = performance.now();
    expect(() => chartVersions(text, "web", "where")).toThrow(/too large to be read/);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  },
);
