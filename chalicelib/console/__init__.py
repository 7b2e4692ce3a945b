"""The console: pages for people, rendered here, over the operations that the API calls.

`pages.PAGES` lists every page: method, path and view. A view gets a `web.Visit` and answers with `render.page` or
`web.redirect`; what it does, it does by `visit.call`, which is the API's own way to an operation. To add a page: a row,
a view in a `views_*` module, a template that extends `page.html`; `navigation.SECTIONS` has what the menu shows.

All addresses in pages are relative, so that the console works behind a stage's path and under any host name.
"""
