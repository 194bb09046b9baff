import fc from "fast-check";
import { expect, it } from "vitest";
import { CelError } from "../../../src/kube/cel/cel-error.ts";
import { compileCel } from "../../../src/kube/cel/compile-cel.ts";

const TOKENS = [
  ..."( ) [ ] { } . ? : , + - * / % == != < <= && || ! in ' \" 1 2.5 0x1f 1u true null".split(" "),
  ..."object object.a object.list x has( .map(x, .all(x, .exists(x, .filter(x, size( .size()".split(
    " ",
  ),
  ..."'a' \"b\" r'\\d' .matches('a+') quantity('1') .sort() .sum() optional.of( .orValue(".split(
    " ",
  ),
  ..."__proto__ constructor cel.bind(x, timestamp( duration( type( dyn( string( .?a [?0] \n //".split(
    " ",
  ),
];
const object = { a: { b: [1, 2, "x"] }, list: [3, 1, 2], text: "aaa", none: null };

it("whatever is written is evaluated or refused as an expression, and nothing else happens", () => {
  const source = fc.oneof(
    fc.array(fc.constantFrom(...TOKENS), { maxLength: 14 }).map((tokens) => tokens.join(" ")),
    fc.array(fc.constantFrom(...TOKENS), { maxLength: 14 }).map((tokens) => tokens.join("")),
    fc.string({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(source, (text) => {
      try {
        const program = compileCel(text, { variables: { object: "dyn" } });
        JSON.stringify(program.evaluate({ object }));
      } catch (error) {
        expect(error).toBeInstanceOf(CelError);
      }
    }),
    { numRuns: 3000 },
  );
  expect(object).toEqual({
    a: { b: [1, 2, "x"] },
    list: [3, 1, 2],
    text: "aaa",
    none: null,
  });
});
