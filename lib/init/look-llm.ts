import { messageOf } from "../errors.ts";
import { getJson, type Seen, shown } from "./look.ts";

/** More are not shown one by one. */
const most = 12;

/** The models an endpoint lists. */
export async function lookAtModels(baseUrl: string, key: string | undefined): Promise<Seen<readonly string[]>> {
  try {
    const { status, body } = await getJson(`${baseUrl}/models`, { bearer: key });
    if (status === 401 || status === 403)
      return {
        said: `${baseUrl} ${key === undefined ? "wants a key" : "refuses the key"} (${status})`,
        doubt: "secret",
      };
    const data = (body as { data?: unknown } | undefined)?.data;
    if (status !== 200 || !Array.isArray(data))
      return {
        said: `${baseUrl} answers, but lists no models (${status}): see that the address is right`,
        doubt: "address",
      };
    const models = data.flatMap((each: { id?: unknown } | null) => (typeof each?.id === "string" ? [each.id] : []));
    const names = models.slice(0, most).map(shown).join(", ");
    return {
      value: models,
      said: `it has ${models.length > most ? `${models.length} models, such as ${names}` : names}`,
    };
  } catch (thrown) {
    return { said: `${baseUrl} does not answer (${messageOf(thrown)}): see that it is right`, doubt: "address" };
  }
}
