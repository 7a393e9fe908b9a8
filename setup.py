"""The packaging metadata of httpmr; the tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

# Its tests make an environment of their own, for it wants other versions of much.
APPENGINE = ["appengine-python-standard>=3.1"]
AWS = ["apig-wsgi>=2.20"]
POSTGRES = ["psycopg[binary]>=3.2"]
MYSQL = ["PyMySQL>=1.1"]
DJANGO = ["django>=5.2"]
REDIS = ["redis>=5.0"]
FILES = ["fsspec[http]>=2024.6"]
PARQUET = ["pyarrow>=17.0"]
# What became of lib2to3.
OCTOPY = ["fissix>=24.4.24"]
SPARK = ["pyspark>=4.0"]
CLI = ["waitress>=3.0", "rich>=13.9"]
TEST = [
    "pytest>=8.3",
    # Half of the time of many tests is waiting for processes of their own.
    "pytest-xdist>=3.8",
    "WebTest>=3.0",
    "hypothesis>=6.100",
    "coverage>=7.6",
    # What runs in turns in the simulator.
    "greenlet>=3.1",
    "flask>=3.0",
    "starlette>=0.40",
    "a2wsgi>=1.10",
    "Flask-SQLAlchemy>=3.1",
    "Flask-WTF>=1.2",
    "pyramid>=2.0.2",
    "fastapi>=0.115",
    # Starlette's sessions are signed by it.
    "itsdangerous>=2.2",
    "uvicorn>=0.30",
    # uWSGI without a compiler; its forks are none of Python's.
    "pyuwsgi>=2.0.26; sys_platform != 'win32'",
    # The stories kill and restart the server that most deployments use.
    "gunicorn>=23.0",
    # They lead Debian's Chromium through the console, and look for what keeps people out of it.
    "playwright>=1.49",
    "axe-playwright-python>=0.1.4",
    # What is like S3, in a process of its own.
    "s3fs>=2024.6",
    "moto[server]>=5.0",
]

setup(
    name="httpmr",
    version="0.1.0",
    description="MapReduce for people who have a web application and nothing else",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["httpmr", "httpmr.*"]),
    package_data={"httpmr": ["py.typed"], "httpmr.web": ["templates/*.html", "static/*"]},
    install_requires=[
        "WebOb>=1.8.8",
        "SQLAlchemy>=2.1",
        "msgpack>=1.1",
        "Jinja2>=3.1.4",
        "backports.zstd>=1.0; python_version < '3.14'",
        # WebOb 1.8 imports cgi, which Python 3.13 no longer has.
        "legacy-cgi>=2.6; python_version >= '3.13'",
    ],
    extras_require={
        "appengine": APPENGINE,
        "aws": AWS,
        "cli": CLI,
        "django": DJANGO,
        "files": FILES,
        "postgres": POSTGRES,
        "mysql": MYSQL,
        "octopy": OCTOPY,
        "parquet": PARQUET,
        "redis": REDIS,
        "spark": SPARK,
        "test": [
            *(*AWS, *CLI, *POSTGRES, *MYSQL, *REDIS, *DJANGO, *FILES, *OCTOPY, *PARQUET, *SPARK),
            *TEST,
        ],
    },
    entry_points={"console_scripts": ["httpmr=httpmr.cli:main"]},
    classifiers=[
        "Environment :: Web Environment",
        "Intended Audience :: Developers",
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3.11",
        "Topic :: Internet :: WWW/HTTP :: WSGI :: Application",
        "Topic :: System :: Distributed Computing",
    ],
)
