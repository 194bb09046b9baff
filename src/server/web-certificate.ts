/** The certificate of the web listener, as `--tls-cert` and `--tls-key` name it. */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

/** PEM texts. */
export interface WebCertificate {
  /** With the certificates of intermediate authorities behind it. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate that cannot be served: which file, and why. */
export class WebCertificateError extends Error {
  override readonly name = "WebCertificateError";
}

/** @throws WebCertificateError */
export async function readWebCertificate(
  certFile: string,
  keyFile: string,
): Promise<WebCertificate> {
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    // OpenSSL names the reason, never the key.
    const why = error instanceof Error ? error.message : "unknown reason";
    throw new WebCertificateError(
      `${certFile} and ${keyFile} are no certificate in PEM format with its key: ${why}`,
      { cause: error },
    );
  }
  return { cert, key };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new WebCertificateError(`${path} cannot be read: ${code}`, { cause: error });
  }
}
