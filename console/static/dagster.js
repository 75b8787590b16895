// Adds the session's token to what Dagster's UI sends to its GraphQL endpoint, and to nothing else.
(() => {
  const token = document.querySelector('meta[name="csrf"]').content;
  const endpoint = new URL("/dagster/graphql", location.origin).href;
  const send = window.fetch;
  window.fetch = (resource, options) => {
    const request = new Request(resource, options);
    if (request.url !== endpoint) return send(resource, options);
    request.headers.set("X-CSRF-Token", token);
    return send(request);
  };
})();
