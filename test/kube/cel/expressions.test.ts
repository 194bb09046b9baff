import { describe, expect, it } from "vitest";
import { celValue } from "../../../src/kube/cel/cel-value.ts";
import { compileCel } from "../../../src/kube/cel/compile-cel.ts";

const object = {
  metadata: { name: "web", labels: { app: "shop" } },
  spec: {
    replicas: 3,
    ratio: 1.5,
    whole: 2.0,
    items: [3, 1, 2],
    image: "registry.example/app:1.2",
    cpu: "500m",
    nothing: null,
  },
  status: { conditions: [{ type: "Ready", status: "True" }] },
};

const evaluate = (source: string, values: Record<string, unknown> = { object }): unknown =>
  compileCel(source, { variables: { object: "dyn" } }).evaluate(values);

describe("what expressions can say about an object", () => {
  it.each<[string, unknown]>([
    ['object.status.conditions.exists(c, c.type == "Ready" && c.status == "True")', true],
    ["object.spec.items.all(i, i > 0)", true],
    ["object.spec.items.exists_one(i, i == 3)", true],
    ["object.spec.items.filter(i, i > 1)", [3, 2]],
    ["object.spec.items.map(i, i * 2)", [6, 2, 4]],
    ["object.metadata.labels.map(key, key)", ["app"]],
    ['"app" in object.metadata.labels', true],
    ["has(object.spec.replicas) && !has(object.spec.missing)", true],
    ["has(object.spec.nothing)", true],
    ['object.?spec.?missing.orValue("none")', "none"],
    ["object.spec.?missing", undefined],
    ["object.spec[?'replicas'].hasValue()", true],
    ["object.spec.replicas + 1", 4],
    ["object.spec.replicas > 2.5", true],
    ["object.spec.replicas / 2", 1],
    ["object.spec.whole + 1", 3],
    ["object.spec.ratio * 2.0", 3],
    ["type(object.spec.replicas) == int", true],
    ["type(object.spec.ratio) == double", true],
    ["9007199254740993 + 0", "9007199254740993"],
    ['{"a": 1, "b": "x"}', { a: 1, b: "x" }],
    ["object.spec.items.sort()", [1, 2, 3]],
    ["object.spec.items.sum()", 6],
    ["object.spec.items.min() == 1 && object.spec.items.max() == 3", true],
    ["object.spec.items.isSorted()", false],
    ["['a', 'b'].isSorted()", true],
    ["object.spec.items.indexOf(1)", 1],
    ["[1, 2, 1].lastIndexOf(1)", 2],
    ["[1, 2, 1].distinct()", [1, 2]],
    ["[1, 2, 3].slice(1, 3).reverse()", [3, 2]],
    ['object.spec.image.split(":")[1]', "1.2"],
    ['["a", "b"].join("/")', "a/b"],
    ['"a-b-c".replace("-", "+")', "a+b+c"],
    ['"a-b-c".replace("-", "+", 1)', "a+b-c"],
    ['"ab".replace("", "-")', "-a-b-"],
    ['"Hello".lowerAscii() + "x".upperAscii()', "helloX"],
    ['"tree".charAt(1) + "abc".reverse()', "rcba"],
    ['" x ".trim()', "x"],
    ['"hello".indexOf("l") + "hello".lastIndexOf("l")', 5],
    ['"%s has %d of %.1f %x %%".format(["web", 2, 0.25, 255])', "web has 2 of 0.3 ff %"],
    ['object.spec.image.matches("^registry[.]example/")', true],
    ['"v1.20.3".find("[0-9]+")', "1"],
    ['"v1.20.3".findAll("[0-9]+")', ["1", "20", "3"]],
    ['quantity(object.spec.cpu).isLessThan(quantity("1"))', true],
    ['quantity("1Gi") == quantity("1024Mi")', true],
    ['quantity("1").add(quantity("500m")).compareTo(quantity(1.5))', 0],
    ['isQuantity("1Gi") && !isQuantity("much")', true],
    ['quantity("2k").asInteger()', 2000],
    ['url("https://example.com:8443/a?b=c").getHost()', "example.com:8443"],
    ['url("https://example.com:8443/a?b=c").getQuery()', { b: ["c"] }],
    ['isURL("/path") && !isURL("example.com")', true],
    ['duration("90s") > duration("1m")', true],
    ['timestamp("2024-01-01T00:00:00Z") < timestamp("2024-01-02T00:00:00Z")', true],
    ["cel.bind(n, object.spec.replicas, n * n)", 9],
    ['object.spec.replicas > 2 ? "many" : "few"', "many"],
    // An error on one side does not matter when the other decides.
    ["object.spec.missing == 1 || true", true],
  ])("%s", (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  it("reads a value converted once for many expressions", () => {
    const converted = celValue(object);
    expect(evaluate("object.spec.replicas", { object: converted })).toBe(3);
    expect(evaluate("object.metadata.name", { object: converted })).toBe("web");
  });

  it("takes the fields of an object as variables where that is asked for", () => {
    const program = compileCel('status.phase == "Ready"', {
      variables: {},
      takesAnyVariable: true,
    });
    expect(program.evaluate({ status: { phase: "Ready" } })).toBe(true);
    expect(() => program.evaluate({})).toThrow(/Unknown variable: status/);
  });
});
