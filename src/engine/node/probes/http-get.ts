/** GET of probes and hooks. */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { afterTimeout } from "./after-timeout.ts";
import { failure, MAX_PROBE_OUTPUT_BYTES, type ProbeOutcome, success } from "./outcome.ts";

export interface HttpGetOptions {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly timeoutMs: number;
}

/** The kubelet's, by which applications recognise probes. */
const USER_AGENT = "kube-probe/1.35";

/** Success is any status from 200 to 399. Redirects count as success without being followed. */
export function httpGet(url: URL, options: HttpGetOptions): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    let request: ClientRequest;
    const settle = (outcome: ProbeOutcome): void => {
      timer.cancel();
      resolve(outcome);
      request.destroy();
    };
    const timer = afterTimeout(options.timeoutMs, () =>
      settle(failure(`Get "${url.href}": context deadline exceeded`)),
    );
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    request = send(url, {
      // Probes say whether a pod is well, not who it is: certificates are not checked, as upstream.
      rejectUnauthorized: false,
      agent: false,
      headers: headersOf(options.headers),
    });
    request.once("error", (error) => settle(failure(`Get "${url.href}": ${error.message}`)));
    request.once("response", (response) => void readOutcome(response).then(settle));
    request.end();
  });
}

function headersOf(headers: HttpGetOptions["headers"]): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {
    "user-agent": USER_AGENT,
    accept: "*/*",
    connection: "close",
  };
  for (const { name } of headers) {
    const same = headers.filter((other) => other.name.toLowerCase() === name.toLowerCase());
    const values = same.map(({ value }) => value);
    // Some headers, Host among them, may not be lists.
    all[name.toLowerCase()] = values.length === 1 ? (values[0] ?? "") : values;
  }
  return all;
}

async function readOutcome(response: IncomingMessage): Promise<ProbeOutcome> {
  const { statusCode = 0 } = response;
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_PROBE_OUTPUT_BYTES) break;
    }
  } catch {
    // The status came, which is what counts; a body cut short is not asked for.
  }
  return statusCode >= 200 && statusCode < 400
    ? success
    : failure(`HTTP probe failed with statuscode: ${statusCode}`);
}
