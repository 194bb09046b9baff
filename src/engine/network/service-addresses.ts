/**
 * Where a Service is reached when its ClusterIP cannot be bound: the service proxy writes it down,
 * the node agent reads it for `<NAME>_SERVICE_HOST` and `_PORT`.
 */

/** JSON: `{"80/TCP": "127.0.0.1:34567"}`. */
export const ADDRESSES_ANNOTATION = "gantry.dev/addresses";

/** Anybody may write annotations: what is no map of texts counts as absent. */
export function readAddresses(annotation: string | undefined): Readonly<Record<string, string>> {
  if (annotation === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(annotation);
    if (typeof parsed !== "object" || parsed === null) return {};
    return Object.fromEntries(
      Object.entries(parsed).filter(
        (entry): entry is [string, string] => typeof entry[1] === "string",
      ),
    );
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
