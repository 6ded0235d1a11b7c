"""Shows the page from standard input at SCHEME://localhost/ in WebKitGTK, as a
native shell does, and prints the title that the page gives itself."""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gio, GLib, Gtk, WebKit2

scheme = sys.argv[1]
page = GLib.Bytes.new(sys.stdin.buffer.read())


def serve(request):
    request.finish(Gio.MemoryInputStream.new_from_bytes(page), page.get_size(), "text/html")


def finish(view, _):
    if view.get_title():
        print(view.get_title(), flush=True)
        Gtk.main_quit()


context = WebKit2.WebContext.new_ephemeral()
context.register_uri_scheme(scheme, serve)
context.get_security_manager().register_uri_scheme_as_secure(scheme)
view = WebKit2.WebView.new_with_context(context)
view.connect("notify::title", finish)
window = Gtk.OffscreenWindow()
window.add(view)
window.show_all()
view.load_uri(scheme + "://localhost/")
Gtk.main()
