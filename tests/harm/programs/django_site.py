# SPDX-License-Identifier: Apache-2.0
"""A Django project in one file: models in sqlite, forms, templates, middleware, signals, the admin, and requests by the test client."""
import os
import sys
import tempfile

import django
from django.apps import AppConfig
from django.conf import settings

WORK = tempfile.mkdtemp()
settings.configure(
    SECRET_KEY="none", DEBUG=True, ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "django.contrib.messages", "django_site.Site"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(WORK, "site.db")}},
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {
        "loaders": [("django.template.loaders.locmem.Loader", {
            "list.html": "{% load humour %}{% for book in books %}{{ forloop.counter }}. {{ book.title|upper }} by {{ book.author }}"
                         " ({{ book.loans.count }}){% if not forloop.last %}; {% endif %}{% endfor %}|{% shout 'done' %}"}),
            "django.template.loaders.app_directories.Loader"],
        "libraries": {"humour": "__main__"},
        "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                               "django.contrib.messages.context_processors.messages"]}}],
)


class Site(AppConfig):
    name = "django_site"
    path = WORK


# An application is known by the name of its module.
sys.modules["django_site"] = sys.modules["__main__"]
django.setup()

from django import forms, template  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402
from django.dispatch import receiver  # noqa: E402
from django.http import Http404, HttpResponse, JsonResponse  # noqa: E402
from django.shortcuts import get_object_or_404, render  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from django.urls import include, path, reverse  # noqa: E402
from django.views import View  # noqa: E402

register = template.Library()


@register.simple_tag
def shout(word):
    return word.upper() + "!"


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        app_label = "django_site"

    def __str__(self):
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=80)
    author = models.ForeignKey(Author, related_name="books", on_delete=models.CASCADE)
    price = models.DecimalField(max_digits=6, decimal_places=2)

    class Meta:
        app_label = "django_site"
        ordering = ["title"]

    @property
    def label(self):
        return "%s: %s" % (self.author, self.title)


class Loan(models.Model):
    book = models.ForeignKey(Book, related_name="loans", on_delete=models.CASCADE)

    class Meta:
        app_label = "django_site"


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title", "author", "price"]

    def clean_price(self):
        if self.cleaned_data["price"] < 0:
            raise forms.ValidationError("too cheap")
        return self.cleaned_data["price"]


@receiver(post_save, sender=Book)
def saved(sender, instance, created, **more):
    if created:
        seen.append(instance.title)


seen = []
admin.site.register(Book)


def index(request):
    return render(request, "list.html", {"books": Book.objects.select_related("author")})


def detail(request, number):
    book = get_object_or_404(Book, pk=number)
    return JsonResponse({"label": book.label, "price": str(book.price), "visits": visits(request)})


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return request.session["visits"]


class Add(View):
    def post(self, request):
        form = BookForm(request.POST)
        if not form.is_valid():
            return JsonResponse(form.errors, status=400)
        return HttpResponse("book %s" % form.save().title, status=201)


async def later(request):
    return HttpResponse("later")


def broken(request):
    raise ValueError("broken view")


urlpatterns = [path("", index, name="index"), path("book/<int:number>", detail, name="detail"), path("add", Add.as_view()), path("later", later),
               path("broken", broken), path("admin/", admin.site.urls), path("again/", include([path("", index)]))]


def orm():
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (Author, Book, Loan):
            editor.create_model(model)
    with transaction.atomic():
        authors = [Author.objects.create(name=name) for name in ("Woolf", "Kafka")]
        for number in range(6):
            book = Book.objects.create(title="Book %d" % number, author=authors[number % 2], price=number + 0.5)
            Loan.objects.bulk_create(Loan(book=book) for _ in range(number))
    try:
        with transaction.atomic():
            Author.objects.create(name="Woolf")
    except django.db.IntegrityError as error:
        print(type(error).__name__, error)
    print(seen, Author.objects.annotate(count=models.Count("books")).values_list("name", "count"))
    print(Book.objects.filter(models.Q(price__gt=2) & ~models.Q(author__name="Kafka")).aggregate(models.Sum("price"), models.Max("price")))
    print(str(Book.objects.filter(loans__isnull=False).distinct().order_by("-price").query))
    print([book.label for book in Book.objects.prefetch_related("loans").filter(price__in=[0.5, 1.5])], Book.objects.filter(price=0.5).delete())


def requests():
    client = Client()
    print(client.get(reverse("index")).content.decode())
    print([client.get(reverse("detail", args=[2])).json() for _ in range(2)], client.get("/book/99").status_code)
    author = Author.objects.first()
    print(client.post("/add", {"title": "New", "author": author.pk, "price": "3"}).content, client.post("/add", {"title": "", "price": "-1"}).json())
    print(client.get("/later").content, client.get("/again/").status_code, client.put("/add").status_code)
    quiet = Client(raise_request_exception=False)
    print(quiet.get("/broken").status_code)
    try:
        client.get("/broken")
    except ValueError as error:
        print(error, error.__traceback__ is not None)
    try:
        detail(RequestFactory().get("/"), 99)
    except Http404 as error:
        print(error)
    User.objects.create_superuser("root", password="secret")
    print(client.login(username="root", password="wrong"), client.login(username="root", password="secret"))
    page = client.get("/admin/django_site/book/")
    print(page.status_code, page.content.count(b"Book "), client.get("/admin/").status_code)
    print(BookForm().as_p().count("<p>"), sorted(BookForm({"price": "x"}).errors))


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)
    orm()
    requests()
    connection.close()
    os.remove(os.path.join(WORK, "site.db"))
    os.rmdir(WORK)
