import type { LabelSelector } from "kubernetes-types/meta/v1";
import { TerminalError } from "../../../client/reconciler.ts";
import {
  type Labels,
  matchesLabels,
  type Selector,
  SelectorError,
  selectorOf,
} from "../../../kube/label-selector.ts";

/**
 * Whether a spec's selector matches labels. One that cannot be read matches nothing, so that a
 * spoilt object keeps nobody from hearing of a change.
 */
export function selects(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  try {
    return matchesLabels(selectorOf(selector), labels);
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}

/** The selector by which an owner claims its objects. One that cannot be read releases nothing. */
export function claimSelector(selector: LabelSelector | undefined): Selector {
  try {
    return selectorOf(selector);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new TerminalError(`spec.selector: ${error.message}`, { cause: error });
  }
}
