// OpenCV's static core asks GLX for the functions of OpenGL. Nothing here draws: there are none.
#ifdef CIPHERFIT_STATIC_OPENCV
extern "C" void (*glXGetProcAddressARB(const unsigned char* name))();

extern "C" void (*glXGetProcAddressARB(const unsigned char* /*name*/))() {
    return nullptr;
}
#endif
