/** What reading YAML or JSON gives: values, and problems with their place in the text. */
import type { Json } from "../../../kube/object.ts";

export type YamlRule =
  | "yaml/syntax"
  | "yaml/tab"
  | "yaml/control-character"
  | "yaml/duplicate-key"
  | "yaml/unsupported-value"
  | "yaml/unsupported-key"
  | "yaml/ambiguous-key"
  | "yaml/alias"
  | "yaml/alias-bomb"
  | "yaml/too-deep"
  | "yaml/too-many-documents";

export interface YamlProblem {
  readonly severity: "error" | "warning";
  readonly rule: YamlRule;
  readonly message: string;
  /** Where in the text, in UTF-16 code units. */
  readonly offset: number;
  readonly suggestion?: string;
  /** The other place of a duplicate. */
  readonly firstOffset?: number;
}

export interface YamlDocument {
  /** Undefined when the document has an error. `null` for an empty one. */
  readonly value: Json | undefined;
  /** Where its content begins, after `---` and comments. */
  readonly start: number;
  /** Where the document begins and ends in the text: enough to read it again for positions. */
  readonly range: readonly [number, number];
}

export interface YamlStream {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly YamlProblem[];
}

export interface YamlLimits {
  /** Objects in one file. */
  readonly maxDocuments: number;
  /** Collections inside collections. CustomResourceDefinitions reach about 50. */
  readonly maxDepth: number;
  /** Values that aliases may add by repeating what stands elsewhere. */
  readonly maxAliasedValues: number;
}

export const DEFAULT_YAML_LIMITS: YamlLimits = {
  maxDocuments: 10_000,
  maxDepth: 100,
  maxAliasedValues: 100_000,
};
