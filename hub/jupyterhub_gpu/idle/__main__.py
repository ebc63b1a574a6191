"""python -m jupyterhub_gpu.idle"""

from .service import main

main()
