"""gunicorn with alerts from its master: workers that timed out, applications that do not boot.

    pip install wecom-logging flask gunicorn
    export WECOM_WEBHOOK_KEY=…
    gunicorn --config examples/gunicorn_conf.py --chdir examples flask_app:app

The master logs both, but without `--preload` it never loads the application, so that the
application's own configuration holds for the workers only. gunicorn reads a file named
gunicorn.conf.py in the directory where it is started without being told.
"""

from __future__ import annotations

workers = 2

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "generic"},
        "wecom": {
            "class": "wecom_logging.WeComHandler",
            "level": "ERROR",
            "app": "shop",
            # With `--preload`, an application that does not boot ends the master.
            "uncaught": True,
        },
    },
    "root": {"handlers": ["console", "wecom"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"propagate": True},
        "gunicorn.access": {"propagate": True},
    },
}
