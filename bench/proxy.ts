/**
 * The service proxy, one JSON line per part: requests/s and p50/p99 through a Service beside direct
 * and beside HAProxy (needs Debian's `haproxy` and `wrk`), the choice of a backend beside others,
 * and how fast a change reaches the proxy with 5,000 Services of 10 endpoints each.
 *
 *   npm run bench:build && node dist/bench/proxy.js [http|balance|services]
 */
import { benchBalance } from "./proxy/balance.ts";
import { benchHttp } from "./proxy/http.ts";
import { benchServices } from "./proxy/services.ts";

const PARTS = { http: benchHttp, balance: benchBalance, services: benchServices };
const asked = process.argv[2];
for (const [name, part] of Object.entries(PARTS))
  if (asked === undefined || asked === name)
    for (const line of await part()) console.log(JSON.stringify(line));
process.exit(0);
