# SPDX-License-Identifier: Apache-2.0
import sys

from kieker.launch import main

sys.exit(main(sys.argv[1:]))
