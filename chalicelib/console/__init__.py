"""The console: pages for people, rendered on the server, over the same operations that the API calls.

`table.PAGES` lists every page: method, path and view. A view takes a `web.Visit` and returns `render.page` or
`web.redirect`. It acts through `visit.client`, so that rates, constraints and policies apply as for the API. To add a
page, add a row, a view in `views/`, and a template that extends `page.html`; `render.SECTIONS` is the menu.

- `pages` and `web`, `render`, `sessions`, `fields`, `commands`, `text`, `static_files`: the frame.
- `views`: one function for each page.
- `parts`: rows, charts and frames that several views share.
- `forms`: from the text of a form to a request, and from a refusal back to the fields.

All addresses in pages are relative, so that the console works behind the path of a stage and under any host name.
"""
