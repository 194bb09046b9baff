/**
 * `spec.nodeSelector` and node affinity, compiled once per pod, since they are asked for every node.
 * Pure.
 */
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from "kubernetes-types/core/v1";
import {
  type LabelRequirement,
  type Labels,
  matchesLabels,
  requirementOf,
  SelectorError,
} from "../../kube/label-selector.ts";

/** As much of a node as selection looks at. */
export interface SelectedNode {
  readonly name: string;
  readonly labels: Labels;
}
export type NodeMatcher = (node: SelectedNode) => boolean;
export interface NodePreference {
  readonly weight: number;
  readonly matches: NodeMatcher;
}
type Selection = Pick<PodSpec, "nodeSelector" | "affinity">;

/** Both of selector and required affinity must hold. Undefined when the pod goes anywhere. */
export function requiredNodes({ nodeSelector, affinity }: Selection): NodeMatcher | undefined {
  const wanted = Object.entries(nodeSelector ?? {});
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (wanted.length === 0 && required === undefined) return undefined;
  // One term is enough; within a term everything must hold.
  const terms = required?.nodeSelectorTerms.map(compileTerm);
  return (node) =>
    wanted.every(([key, value]) => node.labels[key] === value) &&
    (terms === undefined || terms.some((matches) => matches(node)));
}

export function preferredNodes({ affinity }: Selection): readonly NodePreference[] {
  const preferred = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.map(({ weight, preference }) => ({ weight, matches: compileTerm(preference) }));
}

/** For who asks only once. */
export function matchesRequired(spec: Selection | undefined, node: SelectedNode): boolean {
  return requiredNodes(spec ?? {})?.(node) ?? true;
}

/** For nodes of a volume: some term must hold. */
export function anyTerm(terms: readonly NodeSelectorTerm[]): NodeMatcher {
  const compiled = terms.map(compileTerm);
  return (node) => compiled.some((matches) => matches(node));
}

const never: NodeMatcher = () => false;

/** An empty term selects nothing, and neither does one that cannot be read. */
function compileTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): NodeMatcher {
  if (matchExpressions.length === 0 && matchFields.length === 0) return never;
  const names = matchFields.map(compileField);
  try {
    const labels = matchExpressions.map(compileExpression);
    return (node) => matchesLabels(labels, node.labels) && names.every((matches) => matches(node));
  } catch (error) {
    if (error instanceof SelectorError) return never;
    throw error;
  }
}

const compileExpression = ({ key, operator, values }: NodeSelectorRequirement): LabelRequirement =>
  requirementOf(key, operator, values);

/** `metadata.name` is the only field; names may be longer than label values. */
function compileField({ key, operator, values = [] }: NodeSelectorRequirement): NodeMatcher {
  if (key !== "metadata.name") return never;
  if (operator === "In") return ({ name }) => values.includes(name);
  return operator === "NotIn" ? ({ name }) => !values.includes(name) : never;
}
