/** Compiled rules of users, found by the kind of an object: the most exact one counts. */
import { type KubeObject, parseApiVersion } from "../../../kube/object.ts";
import { type HealthRule, unknown } from "../health.ts";
import type { CustomHealthRules } from "../health-context.ts";
import { celRule } from "./cel-rule.ts";
import { guardedRule } from "./guarded-rule.ts";
import { luaRule } from "./lua-rule.ts";
import type { RuleDefinition } from "./rule-definition.ts";

export interface RuleProblem {
  readonly name: string;
  readonly message: string;
}

interface Compiled {
  readonly matches: (group: string, kind: string) => boolean;
  readonly exactness: number;
  readonly rule: HealthRule;
}

export class RuleSet implements CustomHealthRules {
  readonly #rules: readonly Compiled[];
  readonly #fallback: CustomHealthRules | undefined;
  /** Definitions that cannot be used; objects of their kinds are Unknown, with the reason. */
  readonly problems: readonly RuleProblem[];

  private constructor(
    rules: readonly Compiled[],
    problems: readonly RuleProblem[],
    fallback: CustomHealthRules | undefined,
  ) {
    // Sorting is stable: among equals the first definition counts.
    this.#rules = rules.toSorted((a, b) => b.exactness - a.exactness);
    this.problems = problems;
    this.#fallback = fallback;
  }

  /** `fallback` is asked for kinds that none of these is about. */
  static async compile(
    definitions: readonly RuleDefinition[],
    fallback?: CustomHealthRules,
  ): Promise<RuleSet> {
    const rules: Compiled[] = [];
    const problems: RuleProblem[] = [];
    for (const definition of definitions) {
      const { name, group, kind, cel, lua } = definition;
      const scope = {
        matches: (ofGroup: string, ofKind: string) =>
          wildcard(group, ofGroup) && wildcard(kind, ofKind),
        exactness: exactnessOf(group) + exactnessOf(kind),
      };
      try {
        const rule =
          cel !== undefined
            ? await celRule(cel)
            : lua !== undefined
              ? await luaRule(lua)
              : undefined;
        if (rule === undefined) throw new Error("it has neither cel nor lua");
        rules.push({ ...scope, rule: guardedRule(name, rule, () => performance.now()) });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        problems.push({ name, message });
        // Not by the built-in rule instead: somebody meant it to be judged otherwise.
        const health = unknown(`${name} cannot be used: ${message}`);
        rules.push({ ...scope, rule: () => health });
      }
    }
    return new RuleSet(rules, problems, fallback);
  }

  ruleFor(object: KubeObject): HealthRule | undefined {
    const { group } = parseApiVersion(object.apiVersion);
    const found = this.#rules.find(({ matches }) => matches(group, object.kind));
    return found?.rule ?? this.#fallback?.ruleFor(object);
  }
}

/** `*` stands for any text, also none; compared part by part, so that nothing backtracks. */
function wildcard(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  if (text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

/** Without a wildcard it is about one kind only. */
const exactnessOf = (pattern: string): number =>
  pattern.includes("*") ? pattern.length : 1000 + pattern.length;
