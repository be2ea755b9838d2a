"""`python -m wecom_logging`, for those whose PATH has no `wecom-logging`."""

import sys

from wecom_logging._cli.main import main

sys.exit(main())
