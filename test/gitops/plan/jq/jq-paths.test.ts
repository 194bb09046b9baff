import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JqLimitError, JqSyntaxError } from "../../../../src/gitops/plan/jq/jq-error.ts";
import { jqPaths } from "../../../../src/gitops/plan/jq/jq-paths.ts";
import { parseJqPath } from "../../../../src/gitops/plan/jq/parse-jq.ts";

const OBJECT = {
  metadata: {
    name: "web",
    annotations: { "example.com/a": "1", "example.com/b": "2", other: "x" },
    generation: 7,
  },
  spec: {
    replicas: 3,
    paused: false,
    ports: [
      { name: "http", port: 80, nodePort: 30080 },
      { name: "admin", port: 8080 },
    ],
    containers: [
      {
        name: "web",
        image: "web:1",
        env: [
          { name: "A", value: "1" },
          { name: "B_SUM", value: "2" },
        ],
      },
      { name: "istio-proxy", image: "istio/proxyv2:1.20", args: ["--a", "--b"] },
    ],
  },
};
const paths = (expression: string, object: unknown = OBJECT): string[] =>
  jqPaths(parseJqPath(expression), object).map((tokens) => tokens.join("/"));

describe("paths as jq finds them", () => {
  // Each answer is what `jq -c '[paths...]'` of version 1.6 says for `path(…)`.
  test.each<[string, string[]]>([
    [".spec.replicas", ["spec/replicas"]],
    ['.metadata.annotations["example.com/a"]', ["metadata/annotations/example.com/a"]],
    ['.metadata.annotations."example.com/a"', ["metadata/annotations/example.com/a"]],
    ['.["spec"].replicas', ["spec/replicas"]],
    ['.["spec"]["replicas"]', ["spec/replicas"]],
    [".spec.containers[0].image", ["spec/containers/0/image"]],
    [".spec.containers.[0].image", ["spec/containers/0/image"]],
    [".spec.containers[-1].image", ["spec/containers/1/image"]],
    [".spec.containers[].image", ["spec/containers/0/image", "spec/containers/1/image"]],
    [".spec.containers[]?.image", ["spec/containers/0/image", "spec/containers/1/image"]],
    [".spec.nothing[]?.image", []],
    [".spec.nothing[].image", []],
    [".spec.nothing", ["spec/nothing"]],
    [".spec.replicas.below", []],
    [".", [""]],
    [".spec.replicas, .metadata.name", ["spec/replicas", "metadata/name"]],
    [".spec | .replicas, .paused", ["spec/replicas", "spec/paused"]],
    ['.spec.containers[] | select(.name == "istio-proxy")', ["spec/containers/1"]],
    ['.spec.containers[] | select(.name != "web") | .image', ["spec/containers/1/image"]],
    [
      '.spec.containers[] | select(.name == "web").env[] | select(.name | endswith("_SUM")).value',
      ["spec/containers/0/env/1/value"],
    ],
    [".spec.ports[] | select(.nodePort != null) | .nodePort", ["spec/ports/0/nodePort"]],
    [".spec.ports[] | select(.nodePort) | .nodePort", ["spec/ports/0/nodePort"]],
    [".spec.ports[] | select(.port > 1000)", ["spec/ports/1"]],
    [".spec.ports[] | select(.port >= 80 and .port <= 100)", ["spec/ports/0"]],
    [
      '.spec.ports[] | select(.name == "http" or .name == "admin") | .port',
      ["spec/ports/0/port", "spec/ports/1/port"],
    ],
    ['.spec.ports[] | select(has("nodePort") | not)', ["spec/ports/1"]],
    ['.spec.containers[] | select(.image | test("^istio/.*:1\\\\."))', ["spec/containers/1"]],
    ['.spec.containers[] | select(.image | test("ISTIO"; "i"))', ["spec/containers/1"]],
    [
      '.spec.containers[] | select(.image | startswith("web:")) | .image',
      ["spec/containers/0/image"],
    ],
    ['.spec.containers[] | select(.image | contains("proxy"))', ["spec/containers/1"]],
    ['.spec.containers[] | select(.args // empty | any(. == "--b"))', ["spec/containers/1"]],
    [".spec.containers[] | select(.env | length > 1)", ["spec/containers/0"]],
    ['.spec.containers[] | select(.name | IN("a", "web"))', ["spec/containers/0"]],
    [
      '.metadata.annotations | .[keys[] | select(startswith("example.com/"))]',
      ["metadata/annotations/example.com/a", "metadata/annotations/example.com/b"],
    ],
    [
      ".metadata.annotations[]",
      [
        "metadata/annotations/example.com/a",
        "metadata/annotations/example.com/b",
        "metadata/annotations/other",
      ],
    ],
    [
      ".. | .nodePort?",
      [
        "nodePort",
        "metadata/nodePort",
        "metadata/annotations/nodePort",
        "spec/nodePort",
        "spec/ports/0/nodePort",
        "spec/ports/1/nodePort",
        "spec/containers/0/nodePort",
        "spec/containers/0/env/0/nodePort",
        "spec/containers/0/env/1/nodePort",
        "spec/containers/1/nodePort",
      ],
    ],
    ['.. | select(type == "boolean")', ["spec/paused"]],
    ["(.spec.paused, .spec.replicas) | select(. == false)", ["spec/paused"]],
    [".spec.missing // .spec.replicas", ["spec/replicas"]],
    ["first(.spec.ports[]).port", ["spec/ports/0/port"]],
    [".spec.ports | first | .port", ["spec/ports/0/port"]],
    [".spec.ports | last | .port", ["spec/ports/1/port"]],
    [
      '.spec.ports[] | select(.port | tostring | startswith("80")) | .name',
      ["spec/ports/0/name", "spec/ports/1/name"],
    ],
    ['.spec.ports[] | select((.name | ascii_upcase) == "HTTP") | .port', ["spec/ports/0/port"]],
    ["empty", []],
    [" .spec\n  .replicas # how many", ["spec/replicas"]],
    [".spec.replicas,\n.spec.replicas", ["spec/replicas"]],
    ['select(.metadata.name == "web") | .spec.replicas', ["spec/replicas"]],
    ["select(.metadata.generation < 7) | .spec.replicas", []],
  ])("%s", (expression, expected) => {
    expect(paths(expression)).toEqual(expected);
  });

  test("names of prototypes are only names", () => {
    expect(paths(".spec.constructor.name", {})).toEqual(["spec/constructor/name"]);
    expect(paths('.["__proto__"] | select(. == null)', {})).toEqual(["__proto__"]);
    expect(paths('select(has("toString")) | .a', {})).toEqual([]);
  });
});

describe("what is not understood is said", () => {
  test.each<[string, RegExp]>([
    ["", /it ends unexpectedly/],
    [".spec.", /character 6/],
    [".spec[", /it ends unexpectedly/],
    [".spec.ports[1:3]", /slices as \.\[1:3\] are not supported/],
    [".spec | del(.replicas)", /del is not supported; these are: select/],
    [".spec.ports | map(.port)", /map is not supported/],
    ["if .a then .b else .c end", /if is not supported/],
    [".a as $x | $x", /as is not supported|unexpectedly/],
    [".a |= 3", /unexpectedly/],
    [".a + .b", /"\+" at character 4 unexpectedly/],
    [".spec | length", /it yields values, not fields/],
    ['"text"', /it yields values, not fields/],
    [".a | select(.b | test(.c))", /test takes a pattern written out/],
    ['.a | select(.b | test("("))', /pattern "\("/],
    ['.a | select(.b | test("(?=x)"))', /pattern/],
    ['.a | select(.b | test("x"; "x"))', /only "i" is supported/],
    [".a | select()", /unexpectedly/],
    ['.a | select(.b | contains(["x"]))', /"\[" at character \d+ unexpectedly/],
    ["{a: .b}", /"\{" at character 1 unexpectedly/],
    ['.a | startswith("a"; "b")', /startswith takes 1 arguments, not 2/],
    ['.a | select(.b == "\\(.c)")', /is not supported/],
    ['.a | select(.b == "x)', /is not understood/],
    ["ä", /"ä" at character 1 is not understood/],
    [".a)", /"\)" at character 3 unexpectedly/],
    ["(".repeat(500), /nested too deeply/],
    [`.${"a".repeat(5_000)}`, /more than 2000 characters/],
  ])("%s", (expression, message) => {
    expect(() => parseJqPath(expression)).toThrow(JqSyntaxError);
    expect(() => parseJqPath(expression)).toThrow(message);
  });

  test("whatever is written, parsing ends with an expression or an error that names the place", () => {
    const words = [
      ".",
      "a",
      "[",
      "]",
      "(",
      ")",
      "|",
      ",",
      "select",
      '"x"',
      "==",
      "..",
      "?",
      "//",
      "1",
      "-",
      "and",
      "not",
      " ",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 24 }), (parts) => {
        try {
          jqPaths(parseJqPath(parts.join("")), OBJECT);
        } catch (error) {
          if (!(error instanceof JqSyntaxError)) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("expressions that would never end", () => {
  const wide = {
    list: Array.from({ length: 300 }, (_, index) => ({ index, text: "a".repeat(50) })),
  };
  test.each([
    ".. | .. | .. | ..",
    ".list[] | select(.index == (.. , .. , ..)) | ..  | ..",
    "[.list[]]".slice(1, -1) + " | select(any(.[]?; true))",
  ])("%s stops after a bounded number of steps", (expression) => {
    const startedMs = performance.now();
    try {
      paths(expression, { list: [wide, wide, wide] });
    } catch (error) {
      if (!(error instanceof JqLimitError || error instanceof JqSyntaxError)) throw error;
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  test("reaching the limit is an error, not an empty answer", () => {
    expect(() => paths(".. | .. | .. | ..", { list: [wide, wide, wide] })).toThrow(JqLimitError);
  });

  test("patterns that make other engines backtrack do not", () => {
    const object = { list: [`${"a".repeat(10_000)}!`] };
    const startedMs = performance.now();
    expect(paths('.list[] | select(test("^(a+)+$"))', object)).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  test("an object nested without end is followed to a depth", () => {
    let deep: object = { end: true };
    for (let level = 0; level < 5_000; level++) deep = { a: deep };
    expect(paths(".. | .end? // empty", deep)).toEqual([]);
  });
});
