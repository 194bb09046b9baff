/** Whether a text is a quantity, for annotations that may hold anything. */
import { parseQuantity, QuantityError } from "../../kube/quantity.ts";

export function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}
