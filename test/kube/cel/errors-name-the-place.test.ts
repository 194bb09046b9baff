import { describe, expect, it } from "vitest";
import { CelError } from "../../../src/kube/cel/cel-error.ts";
import { type CelOptions, compileCel } from "../../../src/kube/cel/compile-cel.ts";

const OBJECT: CelOptions = { variables: { object: "dyn" } };

function errorOf(body: () => unknown): CelError {
  try {
    body();
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("an expression that cannot work is refused when it is compiled", () => {
  it.each<[string, string, number | undefined]>([
    ["object.a +", "Unexpected token: EOF", 11],
    ["1 + 'a'", "no such overload: int + string", 1],
    ["objekt.a", "Unknown variable: objekt", 1],
    ["true && size(1, 2) == 1", "found no matching overload", 9],
    ["object.a.matches('(')", "invalid regular expression: there is a ( without its )", 18],
    ["object.a.matches('(?=x)')", "lookaround", 18],
    ["object.a.matches(r'(x)\\1')", "\\1 is not supported", 18],
    ["[1].map(1, 2)", "invalid predicate iteration variable", 9],
    ["#", "Unexpected character: #", 1],
    ["x".repeat(20_000), "longer than 16384 characters", undefined],
  ])("%s", (source, message, column) => {
    const error = errorOf(() => compileCel(source, OBJECT));
    expect(error.code).toBe("invalid");
    expect(error.message).toContain(message);
    expect(error.column).toBe(column);
  });

  it("names the line of a longer expression", () => {
    const error = errorOf(() => compileCel("object.a == 1 &&\n  objekt.b", OBJECT));
    expect(error).toMatchObject({ line: 2, column: 3 });
    expect(error.message).toBe("Unknown variable: objekt (line 2, column 3)");
  });

  it("knows what it must give", () => {
    const error = errorOf(() => compileCel("'a' + 'b'", { ...OBJECT, result: "bool" }));
    expect(error.message).toContain("the expression gives string, but bool is needed");
  });
});

describe("an expression that does not fit the values fails with the place", () => {
  it.each<[string, unknown, string]>([
    ["object.spec.replicas", { spec: {} }, "No such key: replicas"],
    ["object.list[3]", { list: [] }, "index out of bounds"],
    ["object.a + 1", { a: "x" }, "no such overload"],
    ["quantity(object.a).sign()", { a: "lots" }, '"lots" is no quantity'],
    ["url(object.a).getHost()", { a: "nowhere" }, "no absolute URL"],
    ["[1, object.a].sum()", { a: "x" }, "sum() takes"],
    ["1 / object.a", { a: 0 }, "division by zero"],
    ["object.a.matches(object.b)", { a: "x", b: "[" }, "invalid regular expression"],
  ])("%s", (source, object, message) => {
    const program = compileCel(source, OBJECT);
    const error = errorOf(() => program.evaluate({ object }));
    expect(error.code).toBe("failed");
    expect(error.message).toContain(message);
  });

  it("checks the type of a result that is known only then", () => {
    const program = compileCel("object.a", { ...OBJECT, result: "bool" });
    expect(program.evaluate({ object: { a: true } })).toBe(true);
    const error = errorOf(() => program.evaluate({ object: { a: "yes" } }));
    expect(error.message).toContain("gives string, but bool is needed");
  });
});
