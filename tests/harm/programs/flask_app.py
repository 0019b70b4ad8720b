# SPDX-License-Identifier: Apache-2.0
"""A Flask application behind a real socket: routes, a blueprint, templates, sessions, errors, hooks, a stream, a click command."""
import http.cookiejar
import json
import logging
import threading
import urllib.error
import urllib.request

from flask import (Blueprint, Flask, abort, flash, g, get_flashed_messages, jsonify, redirect, render_template_string, request, session,
                   stream_with_context, url_for)
from flask.views import MethodView
from werkzeug.serving import make_server

app = Flask("harmless")
app.secret_key = "none"
shop = Blueprint("shop", __name__, url_prefix="/shop")
STOCK = {"tea": 3, "milk": 0}
log = []


@app.before_request
def remember():
    g.path = request.path


@app.after_request
def mark(response):
    response.headers["X-Path"] = g.path
    return response


@app.teardown_request
def end(error):
    log.append((g.get("path"), type(error).__name__))


@app.errorhandler(404)
def missing(error):
    return jsonify(error=error.description), 404


@app.route("/")
def index():
    session["count"] = session.get("count", 0) + 1
    return render_template_string("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{% for name, count in stock|dictsort %}{{ loop.index }}:{{ name|upper }}"
                                  "={{ count }} {% endfor %}{{ twice(session.count) }} {{ url_for('shop.item', name='tea') }}", stock=STOCK)


@shop.route("/<name>", methods=["GET"])
def item(name):
    if name not in STOCK:
        abort(404, "no %s" % name)
    return {"name": name, "count": STOCK[name]}


class Orders(MethodView):
    def post(self):
        wanted = request.get_json()
        STOCK[wanted["name"]] -= wanted["count"]
        flash("ordered %(count)d of %(name)s" % wanted)
        return redirect(url_for("messages"))

    def get(self):
        return "no orders"


app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
app.register_blueprint(shop)


@app.route("/messages")
def messages():
    return " ".join(get_flashed_messages())


@app.route("/stream")
def stream():
    @stream_with_context
    def lines():
        for number in range(3):
            yield "%d %s\n" % (number, request.path)
    return app.response_class(lines(), mimetype="text/plain")


@app.route("/upload", methods=["POST"])
def upload():
    return "%s %d" % (request.form["title"], len(request.files["file"].read()))


@app.route("/broken")
def broken():
    return 1 / 0


@app.cli.command("stock")
def stock():
    """Prints the stock."""
    print(sorted(STOCK))


def ask(opener, address, data=None, **headers):
    try:
        with opener.open(urllib.request.Request(address, data, headers), timeout=60) as answer:
            return answer.status, answer.headers.get("X-Path"), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("X-Path"), error.read().decode()[:60]


def over_socket():
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    base = "http://127.0.0.1:%d" % server.server_port
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    try:
        for path in ("/", "/", "/shop/tea", "/shop/coffee", "/nowhere", "/stream", "/broken", "/orders"):
            print(path, ask(opener, base + path))
        print(ask(opener, base + "/orders", json.dumps({"name": "tea", "count": 2}).encode(), **{"Content-Type": "application/json"}))
        print(STOCK)
        many = [threading.Thread(target=ask, args=(opener, base + "/shop/milk")) for _ in range(8)]
        for thread in many:
            thread.start()
        for thread in many:
            thread.join()
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    print(sorted(log), len(log))


def over_client():
    import io

    with app.test_client() as client:
        print(client.post("/upload", data={"title": "x", "file": (io.BytesIO(b"12345"), "name")}).text, client.delete("/").status_code)
        print(client.get("/").text, session["count"])
    print(app.test_cli_runner().invoke(args=["stock"]).output, app.test_cli_runner().invoke(args=["routes"]).output)
    with app.test_request_context("/?a=1&a=2"):
        print(request.args.getlist("a"), url_for("index", _external=True))


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    app.logger.disabled = True
    over_socket()
    over_client()
