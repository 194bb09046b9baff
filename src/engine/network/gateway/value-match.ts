/** Tests of header values, query parameters and paths, bounded whatever the pattern and the text. */
import { LinearPattern } from "../../../kube/cel/pattern/linear-pattern.ts";
import type { ValueMatch } from "../../../kube/kinds/gateway/gateway-types.ts";

/** Steps of one match: some milliseconds. A longer text does not match. */
const MAX_STEPS = 500_000;

export type TextTest = (text: string) => boolean;

/**
 * Of the whole text, in RE2's syntax.
 * @throws PatternError
 */
export function patternTest(source: string): TextTest {
  const pattern = new LinearPattern(`^(?:${source})$`);
  const maxLength = MAX_STEPS / pattern.size;
  return (text) => text.length <= maxLength && pattern.test(text);
}

export interface NamedTest {
  /** Of a header in lower case. */
  readonly name: string;
  readonly test: TextTest;
}

/** @throws PatternError */
export function headerTests(matches: readonly ValueMatch[]): NamedTest[] {
  return namedTests(matches, (name) => name.toLowerCase());
}
/** @throws PatternError */
export function queryTests(matches: readonly ValueMatch[]): NamedTest[] {
  return namedTests(matches, (name) => name);
}

/** Of entries with equivalent names the first counts, and the others are ignored. */
function namedTests(matches: readonly ValueMatch[], nameOf: (name: string) => string): NamedTest[] {
  const tests = new Map<string, NamedTest>();
  for (const { type, name, value } of matches) {
    const key = nameOf(name);
    if (tests.has(key)) continue;
    const test =
      type === "RegularExpression" ? patternTest(value) : (text: string) => text === value;
    tests.set(key, { name: key, test });
  }
  return [...tests.values()];
}
