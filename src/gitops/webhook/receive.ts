/** Decides what a webhook request leads to. The signature is checked before anything is parsed. */
import type { Headers, PushEvent, Sender } from "./sender.ts";
import { SENDERS } from "./senders.ts";

/** Upstream tools accept up to 50 MB; a push event with its commits is far smaller. */
export const MAX_WEBHOOK_BYTES = 3 * 1024 * 1024;
/** How long a sender may take for its body. */
export const WEBHOOK_TIMEOUT_MS = 30_000;

export type Received =
  | { readonly code: 200; readonly push: PushEvent | undefined; readonly provider: string }
  | { readonly code: 400 | 401; readonly message: string };

/** `secretOf` gives the secret shared with a provider. */
export function receiveWebhook(
  headers: Headers,
  body: Buffer,
  secretOf: (provider: string) => string | undefined,
): Received {
  const sender = SENDERS.find((candidate) => candidate.recognises(headers));
  if (sender === undefined) {
    const names = SENDERS.map((candidate) => candidate.name).join(", ");
    return { code: 400, message: `the request's headers are those of no known sender: ${names}` };
  }
  const secret = secretFor(sender, secretOf);
  if (secret === undefined)
    return { code: 401, message: `no webhook secret is configured for ${sender.name}` };
  if (!sender.verify(headers, body, secret))
    return { code: 401, message: `the signature does not fit the ${sender.name} webhook secret` };
  const payload = parsePayload(body);
  if (payload === undefined) return { code: 400, message: NOT_JSON };
  return { code: 200, push: sender.parse(headers, payload.value), provider: sender.name };
}

export const NOT_JSON = "the body is not JSON: configure the webhook to send application/json";

function secretFor(
  { name, secretOf: other }: Sender,
  secretOf: (provider: string) => string | undefined,
): string | undefined {
  const own = secretOf(name);
  const secret = own === undefined || own === "" ? secretOf(other ?? name) : own;
  return secret === "" ? undefined : secret;
}

/** Undefined when the body is no JSON in UTF-8. */
export function parsePayload(body: Buffer): { readonly value: unknown } | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    // RangeError: nested deeper than the parser's stack.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)
      return undefined;
    throw error;
  }
}
