/** Which Secrets Ingresses name for which hosts. Pure. */
import type { Ingress } from "../../../kube/kinds/ingress.ts";
import { keyOf } from "../../../kube/object.ts";
import type { CertificateEntry } from "./tls-certificates.ts";

export function certificateEntries(ingresses: readonly Ingress[]): CertificateEntry[] {
  return ingresses.flatMap((ingress) =>
    (ingress.spec?.tls ?? []).flatMap(({ hosts = [], secretName }) =>
      // Without a Secret the self-signed certificate is what was asked for.
      secretName === undefined || secretName === ""
        ? []
        : [
            {
              owner: keyOf(ingress),
              namespace: ingress.metadata.namespace ?? "",
              secretName,
              hosts: hosts.map((host) => host.toLowerCase()),
              isLenient: false,
            },
          ],
    ),
  );
}
