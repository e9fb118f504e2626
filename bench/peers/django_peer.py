"""The three routes in Django REST framework with simplejwt, for gunicorn: `gunicorn django_peer:application`.

Connections are kept (CONN_MAX_AGE), writes autocommit or take one IMMEDIATE transaction, parsers and renderers are JSON alone, and
the token is checked without a look at the users' table (simplejwt's stateless authentication); the product looks its holder up, once in
five seconds an instance for readings and at each request elsewhere.
"""

import os
import re

import django
from django.conf import settings

import rules

settings.configure(
    SECRET_KEY=rules.SECRET,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("BENCH_DB", ":memory:"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"init_command": rules.PRAGMAS, "transaction_mode": "IMMEDIATE", "timeout": 20},
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    SIMPLE_JWT={
        "ALGORITHM": "HS256",
        "SIGNING_KEY": rules.SECRET,
        "ISSUER": rules.ISSUER,
        "AUDIENCE": rules.AUDIENCE,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers, status  # noqa: E402
from rest_framework.permissions import BasePermission, IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

def placed(sql):
    """With Django's placeholders: `%s` for each parameter of a statement that names them once and in order."""
    return re.sub(r"\?\d+", "%s", sql)


def named(sql):
    """The same for one that names `?1` alone, as often as it likes."""
    return sql.replace("?1", "%(now)s")


SINGLE, BULK = placed(rules.SINGLE), placed(rules.BULK)
BY_ZONE, DEVICES = named(rules.BY_ZONE), named(rules.DEVICES)


class MaySend(BasePermission):
    def has_permission(self, request, view):
        return request.auth is not None and request.auth.get("role") in rules.SENDERS


class ReadingSerializer(serializers.Serializer):
    device_code = serializers.RegexField(rules.DEVICE_CODE)
    voltage = serializers.FloatField(min_value=0, max_value=500)
    current = serializers.FloatField(min_value=0, max_value=1000)
    power_factor = serializers.FloatField(min_value=-1, max_value=1)
    occupied = serializers.BooleanField(required=False, allow_null=True, default=None)
    battery = serializers.FloatField(required=False, allow_null=True, default=None, min_value=0, max_value=1)
    timestamp = serializers.DateTimeField()

    def validate_timestamp(self, value):
        if problem := rules.timestamp_problem(value):
            raise serializers.ValidationError(problem)
        return value


def row(reading, now):
    return rules.row(
        reading["device_code"], reading["timestamp"], now, reading["voltage"], reading["current"], reading["power_factor"],
        reading["battery"], reading["occupied"],
    )


class Telemetry(APIView):
    permission_classes = [IsAuthenticated, MaySend]

    def post(self, request):
        serializer = ReadingSerializer(data=request.data)
        if not serializer.is_valid():
            return Response(serializer.errors, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
        reading = serializer.validated_data
        parameters = row(reading, rules.now_ms())
        try:
            with rules.WRITER, connection.cursor() as cursor:
                cursor.execute(SINGLE, parameters)
        except IntegrityError as error:
            if "NOT NULL" in str(error):
                return Response({"detail": "no such active device"}, status=status.HTTP_404_NOT_FOUND)
            return Response({"detail": "stored already"}, status=status.HTTP_409_CONFLICT)
        return Response(rules.stored(parameters, reading["timestamp"]), status=status.HTTP_201_CREATED)


class Bulk(APIView):
    permission_classes = [IsAuthenticated, MaySend]

    def post(self, request):
        serializer = ReadingSerializer(data=request.data, many=True)
        if serializer.is_valid():
            readings, rejected = serializer.validated_data, 0
        else:
            each = [ReadingSerializer(data=item) for item in request.data]
            readings = [one.validated_data for one in each if one.is_valid()]
            rejected = len(each) - len(readings)
        now = rules.now_ms()
        rows = [row(reading, now) for reading in readings]
        with rules.WRITER, transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(BULK, rows)
            accepted = cursor.rowcount
        return Response({"accepted": accepted, "duplicate": len(readings) - accepted, "rejected": rejected})


class Overview(APIView):
    def get(self, request):
        if request.auth is None:
            return Response({"detail": "sign in first"}, status=status.HTTP_401_UNAUTHORIZED)
        now = rules.now_ms()
        with connection.cursor() as cursor:
            zones = cursor.execute(BY_ZONE, {"now": now}).fetchall()
            devices = cursor.execute(DEVICES, {"now": now}).fetchone()
        return Response(rules.overview(zones, devices, now))


urlpatterns = [
    path("health", lambda request: HttpResponse("ok")),
    path("api/telemetry/", Telemetry.as_view()),
    path("api/telemetry/bulk/", Bulk.as_view()),
    path("api/dashboard/overview/", Overview.as_view()),
]

application = get_wsgi_application()
