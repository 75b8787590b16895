// Adds the session's token to what Dagster's UI sends to its GraphQL endpoint, and to nothing else.
(() => {
  const token = document.querySelector('meta[name="csrf"]').content;
  const send = window.fetch;
  window.fetch = (resource, options) => {
    const { origin, pathname } = new URL(resource instanceof Request ? resource.url : resource, location.href);
    if (origin !== location.origin || pathname !== "/dagster/graphql") return send(resource, options);
    const request = new Request(resource, options);
    request.headers.set("X-CSRF-Token", token);
    return send(request);
  };
})();
