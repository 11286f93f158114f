import { type Env, Hono } from "hono";

/** A function that is loaded when the first request comes to it: what is rarely used costs an idle gateway nothing. `path`: where it is mounted. */
export function onFirstUse<Of extends Env>(path: string, load: () => Promise<Hono<Of>>): Hono<Of> {
  let loading: Promise<Hono<Of>> | undefined;
  return new Hono<Of>().all("*", async (context) => {
    loading ??= load().then((loaded) => new Hono<Of>().route(path, loaded));
    const app = await loading.catch((thrown: unknown) => {
      loading = undefined;
      throw thrown;
    });
    return app.fetch(context.req.raw, context.env);
  });
}
